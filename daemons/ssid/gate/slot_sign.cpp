#include "daemons/ssid/gate/guard_link.hpp"
#include "lib/common/mutation.hpp"

namespace ssi::cluster {

using namespace std::chrono_literals;

std::optional<std::chrono::milliseconds> SlotSign::lease_over_after() const {
    // The kill may take up to a second after the lease has ended (SAFETY 7); the other second is for clocks that do not
    // run equally fast, and for the beat that passes before a change is seen.
    constexpr auto kSlack = 2s;
    if (lease == 0ms || (lone && !mutated(Mutation::kTimeAgainstLone))) return std::nullopt;
    return lease + kSlack;
}

std::optional<std::chrono::milliseconds> SlotSign::dead_after() const {
    const bool guarded = armed && watchdog_kind == pdr::WatchdogKind::kHardware;
    if (!guarded && !mutated(Mutation::kUnarmedWatchdogAccepted)) return std::nullopt;
    // The watchdog is fed until the kill was verified.
    const auto over = lease_over_after();
    return over ? std::optional(*over + watchdog) : std::nullopt;
}

}  // namespace ssi::cluster
