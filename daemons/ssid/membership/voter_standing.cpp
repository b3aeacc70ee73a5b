#include "daemons/ssid/membership/voter_standing.hpp"

namespace ssi::cluster {

std::vector<VoterCandidate> voter_candidates(const SystemConfig& config, const ClusterState& state,
                                             const std::set<MemberName>& unheard) {
    std::vector<VoterCandidate> candidates;
    for (const auto& member : config.members) {
        const auto* record = state.member(member.name);
        auto standing = VoterStanding::kUnknown;
        if (record != nullptr && record->state == MemberState::kDown)
            standing = VoterStanding::kGone;
        else if (state.joined_life(member.name) && state.fence(member.name) == nullptr &&
                 !unheard.contains(member.name))
            standing = VoterStanding::kLive;
        candidates.push_back({member.name, standing});
    }
    return candidates;
}

}  // namespace ssi::cluster
