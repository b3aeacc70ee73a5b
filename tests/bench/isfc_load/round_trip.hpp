#pragma once
/// Small messages that come back: how long each was under way.

#include <chrono>
#include <vector>

#include "tests/bench/isfc_load/byte_stream.hpp"

namespace ssi::bench {

/// Sends back what comes, up to the end of file.
void echo(ByteStream& stream);

/// Sends a message of 64 bytes every `interval`, whether or not the last came back: a slow answer delays no question,
/// so that it is not counted once where it should count often. Returns all round trips, ascending. Throws
/// std::runtime_error, also when a message is lost.
[[nodiscard]] std::vector<std::chrono::nanoseconds> measure_round_trips(ByteStream& stream,
                                                                        std::chrono::nanoseconds time,
                                                                        std::chrono::nanoseconds interval);

}  // namespace ssi::bench
