#pragma once
/// The kernel's watchdog devices (Documentation/watchdog/watchdog-api.rst).

#include "daemons/ssid/gate/watchdog.hpp"

namespace ssi::gate {

/// `kept`: the descriptor of one that is armed already. Errors: kSystemFailed.
[[nodiscard]] Result<std::unique_ptr<Watchdog>> arm_kernel_watchdog(const std::filesystem::path& device,
                                                                    WatchdogConfig kind,
                                                                    std::chrono::milliseconds timeout,
                                                                    std::optional<int> kept);

}  // namespace ssi::gate
