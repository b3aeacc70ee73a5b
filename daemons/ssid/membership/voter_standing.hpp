#pragma once
/// The members as voters of the engine: who lives, who is proved dead. Pure.

#include <set>
#include <vector>

#include "daemons/ssid/engine/voter_plan.hpp"
#include "daemons/ssid/state/cluster_state.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::cluster {

/// By slot. Live: Joined, heard, and not being fenced. Gone: Down, which is said of the dead only with proof, and of
/// who left in order. `unheard`: whose sign of life stands still.
[[nodiscard]] std::vector<VoterCandidate> voter_candidates(const SystemConfig& config, const ClusterState& state,
                                                           const std::set<MemberName>& unheard);

}  // namespace ssi::cluster
