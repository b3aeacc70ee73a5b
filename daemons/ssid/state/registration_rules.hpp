#pragma once
/// Rules about a member's keys at the volumes that it reserves with the others (SAFETY 13 c). Pure, as member_rules.
///
/// A key that was taken away must not come back by a command that was sent before: a host may stand still between its
/// decision to register and the command. So no command is sent but while the member's record is open, it is opened only
/// while nobody fences the member, and an open record lets nobody conclude that its writes are stopped.

#include "daemons/ssid/state/cluster_state.hpp"

namespace ssi::cluster {

/// Before the first command that registers a key of this life; always a write, so that it succeeds only with the
/// majority, and on what is so now. Refused: kDeclaredDead (it is over), kFenceOpen.
[[nodiscard]] Result<Transaction> decide_registering(const ClusterState& state, const MemberLife& life);

/// All commands have ended, and the key is there on all volumes. Refused: kDeclaredDead, kConflict (it was never
/// opened).
[[nodiscard]] Result<Transaction> decide_registered(const ClusterState& state, const MemberLife& life);

/// Nothing brings back a key of this life that is taken away while a fencing of it is open: the record's revision. To
/// be asked of a state that was read after the intent was committed. Refused: kFenceFailed.
[[nodiscard]] Result<Revision> settled_registration(const ClusterState& state, const MemberLife& life);

}  // namespace ssi::cluster
