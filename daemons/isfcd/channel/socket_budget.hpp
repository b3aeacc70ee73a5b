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
    std::uint64_t delivery_rate = 0;  ///< Bytes a second; of the latest flight.
    bool limited_by_sender = false;   ///< The rate is that of the sender's bytes, not of the link.
};

/// Asks the kernel; nothing if it does not answer.
[[nodiscard]] std::optional<SocketSample> sample_socket(int socket, std::chrono::steady_clock::time_point now);

/// The send buffer is what the link carries during its least round trip and kQueue more. As the rate is measured under
/// such a buffer, a link that becomes faster shows it (its queue empties sooner), and the buffer follows.
class SocketBudget {
  public:
    static constexpr std::chrono::milliseconds kInterval{5};  ///< Between samples.
    static constexpr std::size_t kLeast = 24 * 1024;
    static constexpr std::size_t kMost = 4 << 20;
    static constexpr std::size_t kFirst = 256 * 1024;

    /// The size to set, when it differs enough from what was set last.
    [[nodiscard]] std::optional<std::size_t> update(const SocketSample& sample);
    [[nodiscard]] std::size_t size() const { return size_; }

  private:
    static constexpr std::chrono::microseconds kQueue{1'500};
    static constexpr std::chrono::milliseconds kMemory{500};  ///< A rate counts for so long.

    std::size_t size_ = kFirst;
    std::uint64_t best_rate_ = 0;
    std::chrono::steady_clock::time_point best_at_;
};

}  // namespace ssi::isfc
