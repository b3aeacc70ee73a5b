#include "daemons/ssid/state/cluster_mode.hpp"

#include <algorithm>

#include "daemons/ssid/state/guest_rules.hpp"

namespace ssi::cluster {
namespace {

/// Guests of a dead member for which one that lives is being found. One that has been tried often enough waits for an
/// operator, as does one of a member in maintenance.
bool waits_for_member(const ClusterState& state, const Residency& residency) {
    if (residency.phase == Phase::kPending) return residency.attempts < kMaxAttempts;
    return state.is_over(residency.home) && state.maintenance(residency.home.member) == nullptr;
}

bool is_in_change(MemberState state) {
    return state == MemberState::kJoining || state == MemberState::kLeaving;
}

}  // namespace

std::string_view text_of(ClusterMode mode) {
    switch (mode) {
        case ClusterMode::kStable:
            return "Stable";
        case ClusterMode::kInflux:
            return "Influx";
        case ClusterMode::kSafe:
            break;
    }
    return "Safe";
}

bool is_unread(const ClusterState& state, const Sight& sight) {
    return !sight.has_majority && state.members().empty();
}

std::string committed_reason(const ClusterState& state, const MemberName& member, const Sight& sight) {
    if (const auto* record = state.member(member); record != nullptr) return record->reason;
    return is_unread(state, sight) ? "the cluster's state was not read yet: no majority" : "never joined";
}

MemberState state_seen(const ClusterState& state, const MemberName& member, const Sight& sight) {
    const auto* record = state.member(member);
    if (record == nullptr && is_unread(state, sight))
        return sight.slots_moving.contains(member) ? MemberState::kSuspended : MemberState::kUnknown;
    if (record == nullptr) return MemberState::kDown;
    if (record->state != MemberState::kJoined && record->state != MemberState::kLeaving) return record->state;
    if (member == sight.own) return sight.has_majority ? record->state : MemberState::kSuspended;
    if (sight.has_majority && !sight.unheard.contains(member)) return record->state;
    return sight.slots_moving.contains(member) ? MemberState::kSuspended : MemberState::kUnknown;
}

ClusterMode mode_seen(const ClusterState& state, const Sight& sight) {
    if (!sight.has_majority) return ClusterMode::kSafe;
    const bool changes =
        state.transition() != nullptr || !state.fences().empty() ||
        std::ranges::any_of(state.members(), [](const auto& item) { return is_in_change(item.second.value.state); }) ||
        std::ranges::any_of(state.residencies(),
                            [&](const auto& item) { return waits_for_member(state, item.second.value); });
    if (changes) return ClusterMode::kInflux;
    const bool unsure = std::ranges::any_of(state.members(), [&](const auto& item) {
        const auto seen = state_seen(state, item.first, sight);
        return seen == MemberState::kSuspended || seen == MemberState::kUnknown;
    });
    return unsure ? ClusterMode::kSafe : ClusterMode::kStable;
}

}  // namespace ssi::cluster
