#pragma once
/// Time as the daemons see it; simulated in tests/sim.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>

namespace ssi {

class Notifier;

/// CLOCK_BOOTTIME of this machine (SAFETY 5): goes on while the machine sleeps, is never stepped. Never compared across
/// members.
using BootTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::milliseconds>;

class Clock {
  public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual BootTime now() const = 0;
    /// Waits; ends early, without error, when the coroutine is cancelled.
    virtual boost::asio::awaitable<void> sleep(std::chrono::milliseconds duration) = 0;
    /// Waits until the notifier has moved on from `seen`, at most `duration`.
    virtual boost::asio::awaitable<void> wait_change(Notifier& notifier, std::uint64_t seen,
                                                     std::chrono::milliseconds duration);
};

/// The machine's own clock.
class BootClock final : public Clock {
  public:
    explicit BootClock(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
    [[nodiscard]] BootTime now() const override;
    boost::asio::awaitable<void> sleep(std::chrono::milliseconds duration) override;

  private:
    boost::asio::any_io_executor executor_;
};

}  // namespace ssi
