#pragma once
/// Rules about members: who is admitted, who is alive, who is dead. Pure: state and request in, transaction or refusal
/// out. A transaction without writes means: what was asked for is so already.

#include "daemons/ssid/state/cluster_state.hpp"

namespace ssi::cluster {

/// Condition that a key has not changed since this state (also that it does not exist).
[[nodiscard]] Unchanged unchanged(const ClusterState& state, const std::string& key);

/// Admits `member` after its boot with the next incarnation (SAFETY 18). Nothing of an earlier life may run on it.
/// Refused (kFenceOpen) while a fencing of it is open (SAFETY 14).
[[nodiscard]] Result<Transaction> decide_admission(const ClusterState& state, const MemberName& member);

/// The sign of life (SAFETY 4). Refused (kDeclaredDead) when this life is over.
[[nodiscard]] Result<Transaction> decide_alive(const ClusterState& state, const MemberLife& life, std::uint64_t beat);

/// Who wants to fence whom, and why it thinks so.
struct FenceRequest {
    MemberLife by;
    MemberName target;
    Revision alive_seen{};      ///< Where the target's sign stood all the time of the silence.
    bool owner_silent = false;  ///< Who holds the open intent, if there is one, is silent too.
};

/// The intent to fence (SAFETY 14). Takes over an intent whose owner is not Joined any more or silent. Refused
/// (kMemberAlive) when the sign has moved, (kFenceOpen) when a live member does it already, or when we are being fenced
/// ourselves, (kMemberNotJoined) when there is nobody to fence.
[[nodiscard]] Result<Transaction> decide_fence(const ClusterState& state, const FenceRequest& request);

/// The verdict after a confirmed fence: Down. Refused (kMemberAlive) when the target's sign moved after the intent.
[[nodiscard]] Result<Transaction> decide_dead(const ClusterState& state, const MemberName& by, const MemberName& target,
                                              std::string reason);

/// Withdraws the intent of `by`, whose target showed a sign of life.
[[nodiscard]] Result<Transaction> decide_fence_void(const ClusterState& state, const MemberName& by,
                                                    const MemberName& target);

/// The operator's word (SAFETY 13 d). `sign_moving`: the caller saw a sign of life within the last `silence`; then
/// refused (SAFETY 15).
[[nodiscard]] Result<Transaction> decide_set_down(const ClusterState& state, const MemberName& target,
                                                  bool sign_moving);

/// First step of an orderly leave: nobody sends guests here any more.
[[nodiscard]] Result<Transaction> decide_leaving(const ClusterState& state, const MemberLife& life);
/// Last step: Down. Refused (kMemberHasGuests) while a guest is resident, or on its way, here.
[[nodiscard]] Result<Transaction> decide_left(const ClusterState& state, const MemberLife& life);
/// Back to Joined after a leave that was refused, or that a restart of ssid interrupted.
[[nodiscard]] Result<Transaction> decide_stay(const ClusterState& state, const MemberLife& life);

}  // namespace ssi::cluster
