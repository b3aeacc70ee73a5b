#pragma once
/// The real paths to SCSI devices: Linux' SG_IO, and sysfs, which knows what lies under a volume.

#include <chrono>
#include <string>
#include <vector>

#include "lib/common/scsi/transport.hpp"

namespace ssi::scsi {

/// Every command is given up by the kernel after `timeout`; recovery from that may take some times as long. Needs
/// CAP_SYS_RAWIO.
class LinuxPaths final : public Paths {
  public:
    explicit LinuxPaths(std::chrono::milliseconds timeout) : timeout_(timeout) {}
    Result<std::vector<std::string>> of(const std::filesystem::path& volume) override;
    Result<std::unique_ptr<Transport>> open(const std::string& path) override;

  private:
    std::chrono::milliseconds timeout_;
};

/// The SCSI disks ("sda") under the block device `number` ("8:17"): of a partition the disk that it is on, of a
/// multipath device all its paths, sorted. Errors: kFenceFailed, for what is no SCSI disk, and for devices, as
/// logical volumes, that are made of others in ways that a reservation does not follow. `sys`: /sys; `volume`: for
/// messages.
[[nodiscard]] Result<std::vector<std::string>> scsi_disks_under(const std::filesystem::path& sys,
                                                                const std::string& number, const std::string& volume);

}  // namespace ssi::scsi
