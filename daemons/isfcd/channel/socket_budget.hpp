#pragma once
/// How many bytes a channel lets wait in its socket: enough to keep its link busy, little enough that a control frame
/// does not wait behind them, and that a link that is lost or slow holds up little. Pure.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace ssi::isfc {

/// What the kernel says of a connection (struct tcp_info).
struct SocketSample {
    std::chrono::steady_clock::time_point at;
    std::chrono::microseconds least_round_trip{0};
    std::uint64_t acknowledged_bytes = 0;  ///< Since the connection was made.
};

/// Both ask the kernel. Nothing, or 0, if it does not answer.
[[nodiscard]] std::optional<SocketSample> sample_socket(int socket, std::chrono::steady_clock::time_point now);
[[nodiscard]] std::size_t unacknowledged_bytes(int socket);

/// The send buffer is what the link carries during its least round trip and kQueue more. As the rate is measured under
/// such a buffer, a link that becomes faster shows it (its queue empties sooner), and the buffer follows. The kernel's
/// own tcpi_delivery_rate is that of single flights, and many times too high behind a shaper that lets bursts pass.
class SocketBudget {
  public:
    static constexpr std::chrono::milliseconds kInterval{10};  ///< Between samples, at least.
    static constexpr std::size_t kLeast = 20 * 1024;
    static constexpr std::size_t kMost = 4 << 20;
    static constexpr std::size_t kFirst = 256 * 1024;

    /// The size to set, when it differs enough from what was set last. `was_full`: the writer had to wait since the
    /// last sample; else the rate is that of the sender, and says only how fast the link is at least.
    [[nodiscard]] std::optional<std::size_t> update(const SocketSample& sample, bool was_full);
    [[nodiscard]] std::size_t size() const { return size_; }

    /// A channel that is kept clear for what others wait for: so much of anything else may be sent at once, what the
    /// link carries in kClearTime; 0 while of `unacknowledged` bytes some still wait for the link. Then look again
    /// after time_to_clear().
    [[nodiscard]] std::size_t clear_allowance(std::size_t unacknowledged) const;
    [[nodiscard]] std::chrono::microseconds time_to_clear(std::size_t unacknowledged) const;
    static constexpr std::chrono::microseconds kClearTime{100};
    static constexpr std::size_t kLeastClear = 3 * 1024;  ///< Two segments: the peer's kernel answers these at once.

  private:
    static constexpr std::chrono::microseconds kQueue{1'000};
    static constexpr std::size_t kSmallFrames = 1024;  // whose acknowledgement the peer's kernel may delay

    [[nodiscard]] std::size_t waiting_of(std::size_t unacknowledged) const;
    [[nodiscard]] std::size_t bytes_in(std::chrono::microseconds time) const;

    std::size_t size_ = kFirst;
    double rate_ = 0;  // bytes a second
    std::optional<SocketSample> last_;
};

}  // namespace ssi::isfc
