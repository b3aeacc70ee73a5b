#pragma once
/// Whether the member that is alone lives, judged by one that wants to join (SAFETY 3).

#include <chrono>
#include <optional>

#include "daemons/ssid/membership/still_watch.hpp"
#include "daemons/ssid/state/cluster_state.hpp"
#include "daemons/ssid/state/member_rules.hpp"
#include "lib/common/clock.hpp"

namespace ssi::cluster {

/// Pure but for the time that is passed in. Who gets a majority without the lone member's sign of life has it by a
/// proof of its death, or by its etcd alone: then it is admitted beside it, and only a proof that counts against LONE
/// ends it.
class LoneWatch {
  public:
    explicit LoneWatch(std::chrono::milliseconds time) : sign_(time) {}

    /// To be asked with a state that was read just now, again and again. The life that is alone, if its sign in the
    /// engine stood still for `time`; none: it lives, or nobody is alone.
    [[nodiscard]] SilentLone look(const ClusterState& state, BootTime now) {
        const auto* lone = state.lone();
        const bool is_still = sign_.look(lone == nullptr ? Revision{} : state.modified(alive_key(lone->member)), now);
        return is_still && lone != nullptr ? SilentLone(*lone) : std::nullopt;
    }

  private:
    StillWatch sign_;
};

}  // namespace ssi::cluster
