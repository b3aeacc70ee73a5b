#pragma once
/// What one channel carries and the peer has not said to have: the base of sending it again elsewhere. Pure.

#include <boost/circular_buffer.hpp>
#include <chrono>
#include <cstdint>

#include "daemons/isfcd/wire/messages.hpp"

namespace ssi::isfc {

using Time = std::chrono::steady_clock::time_point;

/// A DATA frame, or an ACK (length 0).
struct FlyingFrame {
    StreamId stream = 0;
    std::uint64_t offset = 0;
    std::uint32_t length = 0;
    bool rescued = false;  ///< sent again on another channel already
    Time sent;
};

/// A channel is in order, so a count of arrived frames says which ones arrived.
class Flight {
  public:
    void sent(const FlyingFrame& frame);
    /// The peer has `count` frames of this channel. False: more than were sent, or fewer than it said before.
    [[nodiscard]] bool arrived(std::uint64_t count, Time now);
    /// Forgets the oldest frame: what it carried is known to have arrived in another way.
    void forget_oldest();

    [[nodiscard]] bool is_empty() const { return frames_.empty(); }
    [[nodiscard]] boost::circular_buffer<FlyingFrame>& frames() { return frames_; }
    [[nodiscard]] const FlyingFrame& oldest() const { return frames_.front(); }
    /// When the latest frame that is known to have arrived was sent.
    [[nodiscard]] Time latest_arrived() const { return latest_arrived_; }
    /// How long a frame may be under way before the channel counts as late: several times what is usual on it, within
    /// bounds that keep a busy host from looking like a cut cable and a cut cable from being felt.
    [[nodiscard]] std::chrono::microseconds patience() const;
    /// From pull to the word of arrival, smoothed.
    [[nodiscard]] std::chrono::microseconds delay() const { return delay_; }
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
    /// Bytes of this channel that were sent again on others.
    [[nodiscard]] std::uint64_t rescued_bytes() const { return rescued_bytes_; }
    void count_rescued(std::uint32_t length) { rescued_bytes_ += length; }

  private:
    boost::circular_buffer<FlyingFrame> frames_;
    std::uint64_t first_ = 0;  // number of the oldest frame; frames are counted from 0
    std::uint64_t told_ = 0;
    std::uint64_t bytes_ = 0;
    std::uint64_t rescued_bytes_ = 0;
    Time latest_arrived_;
    std::chrono::microseconds delay_{0};
};

}  // namespace ssi::isfc
