#pragma once
/// Whether a join or leave of another member goes on, judged by this member alone.

#include <chrono>
#include <optional>

#include "daemons/ssid/membership/still_watch.hpp"
#include "daemons/ssid/state/cluster_state.hpp"
#include "daemons/ssid/state/member_rules.hpp"
#include "lib/common/clock.hpp"

namespace ssi::cluster {

/// Pure but for the time that is passed in. A join takes two commits, a leave a few: one that does not move on for
/// `time` while we look at fresh states again and again has lost its member.
class TransitionWatch {
  public:
    explicit TransitionWatch(std::chrono::milliseconds time) : key_(time) {}

    /// To be asked with a state that was read just now. Whose change is stalled; none: it goes on, or there is none.
    [[nodiscard]] Stalled look(const ClusterState& state, BootTime now) {
        const bool is_still = key_.look(state.modified(transition_key()), now);
        return is_still && state.transition() != nullptr ? Stalled(state.transition()->member) : std::nullopt;
    }

  private:
    StillWatch key_;
};

}  // namespace ssi::cluster
