#pragma once
/// Rules about the member that is alone (SAFETY 3): it needs no lease, so that nothing but a fence agent or the
/// operator proves its death, and the loss of its PDR stops none of its guests. Pure.

#include "daemons/ssid/state/member_rules.hpp"

namespace ssi::cluster {

/// Every other member is Down, and nobody joins or leaves.
[[nodiscard]] bool is_alone(const ClusterState& state, const MemberLife& life);

/// From its commit on nobody is admitted until decide_not_lone: then the slot may say LONE. Refused (kConflict) when
/// another member is not Down, or this life is not Joined. No writes when it is so already.
[[nodiscard]] Result<Transaction> decide_lone(const ClusterState& state, const MemberLife& life);

/// After the slot was read back not to say LONE any more. No writes when it is so already.
[[nodiscard]] Result<Transaction> decide_not_lone(const ClusterState& state, const MemberLife& life);

}  // namespace ssi::cluster
