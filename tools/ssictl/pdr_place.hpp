#pragma once
/// The volume that a `ssictl pdr` verb works on.

#include <chrono>
#include <filesystem>
#include <memory>

#include "lib/common/pdr/volume.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::ctl {

/// Which volume of which cluster.
struct PdrPlace {
    std::filesystem::path config = "/etc/ssi/system.toml";
    std::filesystem::path device;  ///< Empty: [pdr] device of the configuration.
};

/// The volume, and the cluster that wants it.
struct OpenedPdr {
    SystemConfig config;
    pdr::ClusterIdentity cluster;
    std::unique_ptr<pdr::DirectDisk> disk;
};
/// Errors: those of the configuration; kConfigInvalid: it names no PDR; those of DirectDisk::open.
[[nodiscard]] Result<OpenedPdr> open_pdr(const PdrPlace& place, pdr::DiskAccess access);

/// Looks at the slots for that long. Error: kPdrForeign: a member writes there, of whatever cluster.
[[nodiscard]] Result<void> nobody_writes(pdr::Disk& disk, std::chrono::milliseconds watch);

}  // namespace ssi::ctl
