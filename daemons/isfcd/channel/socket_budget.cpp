#include "daemons/isfcd/channel/socket_budget.hpp"

#include <algorithm>
#include <utility>

namespace ssi::isfc {

std::optional<std::size_t> SocketBudget::update(const SocketSample& sample, bool was_full, bool clear) {
    const auto last = std::exchange(last_, sample);
    if (!last || sample.at <= last->at) return std::nullopt;
    const auto seconds = std::chrono::duration<double>(sample.at - last->at).count();
    const auto rate = static_cast<double>(sample.acknowledged_bytes - last->acknowledged_bytes) / seconds;
    if (rate > rate_)
        rate_ = rate;
    else if (was_full)
        rate_ += (rate - rate_) / 4;
    const auto time = std::chrono::duration<double>(sample.least_round_trip + (clear ? kQueueClear : kQueue)).count();
    const auto wanted = std::clamp(static_cast<std::size_t>(rate_ * time), clear ? kLeastClear : kLeast, kMost);
    // Each change costs a system call; small ones are noise. A first size that is not known to be too small stays.
    if (wanted > size_ ? wanted < size_ + size_ / 8 : !was_full || wanted + wanted / 8 > size_) return std::nullopt;
    size_ = wanted;
    return wanted;
}

}  // namespace ssi::isfc
