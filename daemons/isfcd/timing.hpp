#pragma once
/// Times of isfcd, scaled by timing.scale of system.toml.

#include <chrono>

#include "lib/common/system_config.hpp"

namespace ssi::isfc {

struct Timing {
    std::chrono::milliseconds heartbeat{250};
    int silent_heartbeats = 4;                     ///< A channel on which nothing came for so many is dead.
    std::chrono::milliseconds handshake{2'000};    ///< From connect() or accept() to HELLO.
    std::chrono::milliseconds backoff_least{100};  ///< Between attempts to connect; doubled up to the most.
    std::chrono::milliseconds backoff_most{2'000};
    std::chrono::milliseconds link_timeout{5'000};  ///< Streams wait so long for a channel.

    [[nodiscard]] static Timing scaled(double scale);
    [[nodiscard]] static Timing of(const SystemConfig& config);
    [[nodiscard]] std::chrono::milliseconds silence() const { return heartbeat * silent_heartbeats; }
};

}  // namespace ssi::isfc
