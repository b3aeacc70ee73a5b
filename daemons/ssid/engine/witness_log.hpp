#pragma once
/// How far the log of the witness goes, told without its etcd, and what a forced recovery is compared with (SAFETY 20).

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "daemons/ssid/engine/log_report.hpp"
#include "daemons/ssid/engine/voter_plan.hpp"
#include "daemons/ssid/engine/witness_files.hpp"
#include "daemons/ssid/engine/witness_volume.hpp"
#include "lib/common/blocking_calls.hpp"

namespace ssi::cluster {

/// Of the witness that runs on this member; none: it does not. `lineage`: this member's, for the witness has no mark of
/// its own. Errors as of read_wal().
[[nodiscard]] Result<std::optional<LogReport>> witness_log_here(const WitnessPlaces& places, std::uint64_t lineage);

/// Of the data in the area of slot `from`: read from a copy in `directory`, which is made for it and removed, and takes
/// up to 512 MiB. Nothing is written to the PDR. Errors: those of WitnessVolume::save and of read_wal(); kEngineFailed
/// (no file system there that e2fsck could mend); kTimedOut.
boost::asio::awaitable<Result<LogReport>> witness_log_in_area(BlockingCalls& calls,
                                                              std::shared_ptr<WitnessVolume> volume, MemberSlot from,
                                                              std::filesystem::path directory, std::uint64_t lineage);

/// Reads the log in the area of that slot.
using ReadWitnessArea = std::function<boost::asio::awaitable<Result<LogReport>>(MemberSlot from)>;

/// Of its data, wherever they are: the witness that runs on this member, else the area that `lock` names. None: there
/// are none, or the PDR cannot be read (`lock` is none), which is logged. Errors: of reading them; an area that is
/// there and cannot be read may hold what nobody else knows.
boost::asio::awaitable<Result<std::optional<LogReport>>> witness_log(const WitnessPlaces& places, std::uint64_t lineage,
                                                                     std::optional<pdr::LockRecord> lock,
                                                                     ReadWitnessArea read_area);

/// Looks for the witness's log where no member tells of it.
using FindWitnessLog = std::function<boost::asio::awaitable<Result<std::optional<LogReport>>>()>;

/// The logs that a forced recovery must not fall behind: those that members have told, the witness's among them if
/// `seats`, as they are known here, do not say that it is no voter. Errors: those of `find_witness_log`.
boost::asio::awaitable<Result<std::vector<LogReport>>> comparable_logs(std::vector<LogReport> told,
                                                                       const std::vector<Seat>& seats,
                                                                       FindWitnessLog find_witness_log);

}  // namespace ssi::cluster
