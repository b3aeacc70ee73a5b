#pragma once
/// Whether a join or leave of another member goes on, judged by this member alone.

#include <chrono>
#include <optional>

#include "daemons/ssid/state/cluster_state.hpp"
#include "daemons/ssid/state/member_rules.hpp"
#include "lib/common/clock.hpp"

namespace ssi::cluster {

/// Pure but for the time that is passed in. A join takes two commits, a leave a few: one that does not move on for
/// `time` while we look at fresh states again and again has lost its member.
class TransitionWatch {
  public:
    explicit TransitionWatch(std::chrono::milliseconds time) : time_(time) {}

    /// To be asked with a state that was read just now. Whose change is stalled; none: it goes on, or there is none.
    [[nodiscard]] Stalled look(const ClusterState& state, BootTime now) {
        const auto modified = state.modified(transition_key());
        if (modified != seen_ || !since_) {
            seen_ = modified;
            since_ = now;
        }
        if (state.transition() == nullptr || now - *since_ < time_) return std::nullopt;
        return state.transition()->member;
    }

  private:
    std::chrono::milliseconds time_;
    Revision seen_{};
    std::optional<BootTime> since_;
};

}  // namespace ssi::cluster
