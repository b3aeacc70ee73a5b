#pragma once
/// What resets this host when nobody feeds it any more (SAFETY 7, 11).

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "lib/common/error.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::gate {

/// One that is armed. Its end, or that of the process, leaves it armed: only `disarm` does not. Every call takes
/// microseconds.
class Watchdog {
  public:
    virtual ~Watchdog() = default;
    /// W from now on. Error: kSystemFailed: from now on nothing is sure to reset this host. A later call may succeed.
    [[nodiscard]] virtual Result<void> feed() = 0;
    [[nodiscard]] virtual Result<void> disarm() = 0;
    /// W as the device keeps it, which may be more than was asked for.
    [[nodiscard]] virtual std::chrono::milliseconds timeout() const = 0;
    /// kSoft for a "hardware" watchdog that the kernel knows to be none.
    [[nodiscard]] virtual WatchdogConfig kind() const = 0;
    /// To be kept with systemd over a restart of this process; -1: it can be opened again.
    [[nodiscard]] virtual int descriptor() const { return -1; }
};

/// Arms it. A device is the kernel's (Documentation/watchdog/watchdog-api.rst), whole seconds, `kept` being its
/// descriptor from before a restart; a socket is a supervisor's, which is sent lines "arm SECONDS", "feed", "disarm"
/// and answers each with "ok". Errors: kSystemFailed.
[[nodiscard]] Result<std::unique_ptr<Watchdog>> arm_watchdog(const std::filesystem::path& device, WatchdogConfig kind,
                                                             std::chrono::milliseconds timeout,
                                                             std::optional<int> kept);

}  // namespace ssi::gate
