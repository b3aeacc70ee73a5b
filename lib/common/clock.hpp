#pragma once
/// Time as the daemons see it; simulated in tests/sim.

#include <boost/asio/awaitable.hpp>
#include <chrono>

namespace ssi {

/// CLOCK_BOOTTIME of this machine (SAFETY 5): goes on while the machine sleeps, never stepped. Never compared across
/// members.
using BootTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::milliseconds>;

class Clock {
  public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual BootTime now() const = 0;
    /// Waits; ends early, without error, when the coroutine is cancelled.
    virtual boost::asio::awaitable<void> sleep(std::chrono::milliseconds duration) = 0;
};

}  // namespace ssi
