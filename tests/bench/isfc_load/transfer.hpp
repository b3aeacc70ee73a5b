#pragma once
/// Bytes in one direction, as fast as they go: who sends them, and who receives, checks and times them.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "tests/bench/isfc_load/byte_stream.hpp"

namespace ssi::bench {

using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC: the same for all processes of this machine
using Streams = std::vector<std::unique_ptr<ByteStream>>;

/// A time in which a receiver waited for bytes.
struct Gap {
    Clock::time_point since;
    Clock::duration length;
};

struct Received {
    std::uint64_t bytes = 0;
    double rate = 0;  ///< Bytes a second of all streams together, within the window.
    std::vector<Gap> gaps;
};

/// Sends on each stream for this long, each from a thread of its own, in writes of `block` bytes; then waits until the
/// receiver has closed. Returns how many bytes. Throws std::runtime_error. Every 16 KiB carry their position.
[[nodiscard]] std::uint64_t send_for(const Streams& streams, Clock::duration time, std::size_t block);

/// Receives on each stream up to its end of file and checks the positions. The rate is that of the `window` that begins
/// `skip` after the first byte. Throws std::runtime_error: also when the bytes are wrong, or ended before the window.
[[nodiscard]] Received receive_all(const Streams& streams, Clock::duration skip, Clock::duration window);

}  // namespace ssi::bench
