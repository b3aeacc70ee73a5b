#pragma once
/// How far the log of the witness goes, told without its etcd (SAFETY 20).

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "daemons/ssid/engine/log_report.hpp"
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

}  // namespace ssi::cluster
