#include "daemons/isfcd/timing.hpp"

namespace ssi::isfc {

Timing Timing::scaled(double scale) {
    Timing timing;
    for (auto* time : {&timing.heartbeat, &timing.handshake, &timing.link_timeout})
        *time = std::chrono::duration_cast<std::chrono::milliseconds>(*time * scale);
    return timing;
}

Timing Timing::of(const SystemConfig& config) {
    auto timing = scaled(config.timing.scale);
    timing.link_timeout = config.link.timeout;
    return timing;
}

}  // namespace ssi::isfc
