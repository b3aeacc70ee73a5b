#pragma once
/// The border to SCSI devices: one way to one logical unit, on which single commands are carried out.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "lib/common/bytes.hpp"
#include "lib/common/error.hpp"
#include "lib/common/scsi/sense.hpp"

namespace ssi::scsi {

/// The status byte with which a command ended (SAM-5, 5.3).
enum class Status : std::uint8_t {
    kGood = 0,
    kCheckCondition = 2,
    kBusy = 8,
    kReservationConflict = 0x18,
    kTaskSetFull = 0x28,
    kTaskAborted = 0x40,
};

struct Command {
    Bytes cdb;
    Bytes out;           ///< Sent behind the CDB; empty: nothing is.
    std::size_t in = 0;  ///< Bytes that are asked for. Not together with `out`.
    std::string name;    ///< "PERSISTENT RESERVE IN (read keys)", for messages.
};

struct Answer {
    Status status{};
    Sense sense;  ///< With kCheckCondition.
    Bytes in;     ///< What the device sent, no more than was asked for.
};

/// One initiator port's way to a logical unit (an I_T nexus): what a registration belongs to. Calls block.
class Transport {
  public:
    virtual ~Transport() = default;
    /// Carries one command out. Errors (kFenceFailed): it did not come to an answer, so that nothing is known of
    /// its effect.
    [[nodiscard]] virtual Result<Answer> execute(const Command& command) = 0;
    /// The device of this path, for messages.
    [[nodiscard]] virtual const std::string& name() const = 0;
};

/// Finds the paths to a volume. Implemented by LinuxPaths and, in tests, by a simulated one. Calls may block.
class Paths {
  public:
    virtual ~Paths() = default;
    /// The devices of all paths by which this host reaches the whole logical unit on which `volume` lies; at least one.
    /// Errors: kFenceFailed, for what is no SCSI disk too.
    [[nodiscard]] virtual Result<std::vector<std::string>> of(const std::filesystem::path& volume) = 0;
    /// Errors: kFenceFailed.
    [[nodiscard]] virtual Result<std::unique_ptr<Transport>> open(const std::string& path) = 0;
};

}  // namespace ssi::scsi
