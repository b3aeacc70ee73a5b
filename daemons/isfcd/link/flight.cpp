#include "daemons/isfcd/link/flight.hpp"

#include <algorithm>

#include "daemons/isfcd/link/send_buffer.hpp"

namespace ssi::isfc {
namespace {

using std::chrono::microseconds;
constexpr microseconds kLeastPatience{12'000};
constexpr microseconds kMostPatience{200'000};
constexpr int kDelays = 4;

}  // namespace

void Flight::sent(const FlyingFrame& frame) {
    bytes_ += frame.length;
    push_growing(frames_, frame);
}

bool Flight::arrived(std::uint64_t count, Time now) {
    if (count < told_ || count > first_ + frames_.size()) return false;
    told_ = count;
    while (first_ < count) {
        latest_arrived_ = frames_.front().sent;
        forget_oldest();
        if (first_ < count) continue;
        const auto delay = std::chrono::duration_cast<microseconds>(now - latest_arrived_);
        delay_ = delay_.count() == 0 ? delay : (delay_ * 7 + delay) / 8;
    }
    return true;
}

void Flight::forget_oldest() {
    bytes_ -= frames_.front().length;
    frames_.pop_front();
    ++first_;
}

microseconds Flight::patience() const {
    return std::clamp(delay_ * kDelays, kLeastPatience, kMostPatience);
}

}  // namespace ssi::isfc
