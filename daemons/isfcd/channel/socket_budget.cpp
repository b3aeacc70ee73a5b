#include "daemons/isfcd/channel/socket_budget.hpp"

#include <algorithm>

namespace ssi::isfc {

std::optional<std::size_t> SocketBudget::update(const SocketSample& sample) {
    const bool outdated = sample.at - best_at_ > kMemory;
    // A rate that the sender held down says only how fast the link is at least.
    if (sample.delivery_rate > best_rate_ || (outdated && !sample.limited_by_sender)) {
        best_rate_ = sample.delivery_rate;
        best_at_ = sample.at;
    }
    if (best_rate_ == 0) return std::nullopt;
    const auto time = std::chrono::duration<double>(sample.least_round_trip + kQueue).count();
    const auto wanted = std::clamp(static_cast<std::size_t>(static_cast<double>(best_rate_) * time), kLeast, kMost);
    // Each change costs a system call; small ones are noise.
    if (wanted < size_ + size_ / 8 && wanted + wanted / 8 > size_) return std::nullopt;
    size_ = wanted;
    return wanted;
}

}  // namespace ssi::isfc
