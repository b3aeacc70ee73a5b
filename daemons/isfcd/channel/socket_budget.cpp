#include "daemons/isfcd/channel/socket_budget.hpp"

#include <algorithm>
#include <utility>

namespace ssi::isfc {

std::optional<std::size_t> SocketBudget::update(const SocketSample& sample, bool was_full) {
    const auto last = std::exchange(last_, sample);
    if (!last || sample.at <= last->at) return std::nullopt;
    const auto seconds = std::chrono::duration<double>(sample.at - last->at).count();
    const auto rate = static_cast<double>(sample.acknowledged_bytes - last->acknowledged_bytes) / seconds;
    if (rate > rate_)
        rate_ = rate;
    else if (was_full)
        rate_ += (rate - rate_) / 4;
    const auto wanted = std::clamp(bytes_in(sample.least_round_trip + kQueue), kLeast, kMost);
    // Each change costs a system call; small ones are noise. A first size that is not known to be too small stays.
    if (wanted > size_ ? wanted < size_ + size_ / 8 : !was_full || wanted + wanted / 8 > size_) return std::nullopt;
    size_ = wanted;
    return wanted;
}

std::size_t SocketBudget::clear_allowance(std::size_t unacknowledged) const {
    return waiting_of(unacknowledged) > kSmallFrames ? 0 : std::max(bytes_in(kClearTime), kLeastClear);
}

std::chrono::microseconds SocketBudget::time_to_clear(std::size_t unacknowledged) const {
    const std::chrono::duration<double> time(static_cast<double>(waiting_of(unacknowledged)) / std::max(rate_, 1.0));
    return std::chrono::duration_cast<std::chrono::microseconds>(
        std::clamp<std::chrono::duration<double>>(time, kClearTime, kClearTime * 2));
}

/// The others are on the way.
std::size_t SocketBudget::waiting_of(std::size_t unacknowledged) const {
    return unacknowledged - std::min(unacknowledged, last_ ? bytes_in(last_->least_round_trip) : 0);
}

std::size_t SocketBudget::bytes_in(std::chrono::microseconds time) const {
    return static_cast<std::size_t>(rate_ * std::chrono::duration<double>(time).count());
}

}  // namespace ssi::isfc
