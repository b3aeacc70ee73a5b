#pragma once
/// Rules about members: who is admitted, who is alive, who is dead. Pure: state and request in, transaction or refusal
/// out. A transaction without writes means: what was asked for is so already.

#include "daemons/ssid/state/cluster_state.hpp"

namespace ssi::cluster {

/// Condition that a key has not changed since this state (also that it does not exist).
[[nodiscard]] Unchanged unchanged(const ClusterState& state, const std::string& key);

/// A change of another member that has not moved on for long, as the caller saw: it does not hold up ours. A join that
/// is overtaken so is void; nothing ran by it.
using Stalled = std::optional<MemberName>;

/// A life that says to be alone and shows no sign of life, as the caller saw: it holds up nobody's admission.
using SilentLone = std::optional<MemberLife>;

/// Admits `member` after its boot with the next incarnation, as Joining (SAFETY 18). Nothing of an earlier life may run
/// on it. Refused (kFenceOpen) while a fencing of it is open (SAFETY 14), and (kChangeUnderWay) while another member
/// joins or leaves, or is alone (SAFETY 3).
[[nodiscard]] Result<Transaction> decide_admission(const ClusterState& state, const MemberName& member,
                                                   const Stalled& stalled = {}, const SilentLone& silent = {});
/// Whether one that is alone lets `member` be admitted. Refused: kChangeUnderWay.
[[nodiscard]] Result<void> may_join_beside_lone(const ClusterState& state, const MemberName& member,
                                                const SilentLone& silent);
/// Joining becomes Joined: guests may come. Refused (kChangeUnderWay) when the admission was overtaken.
[[nodiscard]] Result<Transaction> decide_joined(const ClusterState& state, const MemberLife& life);
/// Instead of an admission: the member may not join as it is. Its guests of before are lost with its boot, as by an
/// admission. Refused as an admission, but other members' changes do not matter.
[[nodiscard]] Result<Transaction> decide_isolated(const ClusterState& state, const MemberName& member,
                                                  std::string reason);

/// The sign of life (SAFETY 4). Refused (kDeclaredDead) when this life is over.
[[nodiscard]] Result<Transaction> decide_alive(const ClusterState& state, const MemberLife& life, std::uint64_t beat);

/// Who wants to fence whom, and why it thinks so.
struct FenceRequest {
    MemberLife by;
    MemberName target;
    Revision alive_seen{};      ///< Where the target's sign stood all the time of the silence.
    bool owner_silent = false;  ///< Who holds the open intent, if there is one, is silent too.
};

/// Whether an operator lets this member be fenced, or be taken for dead by time. Refused: kFencingDisarmed,
/// kMemberInMaintenance.
[[nodiscard]] Result<void> may_fence(const ClusterState& state, const MemberName& target);

/// The intent to fence (SAFETY 14); every proof but the operator's word begins with it. Refused as may_fence says.
/// Takes over an intent whose owner is not Joined any more or silent. Refused (kMemberAlive) when the sign has moved,
/// (kFenceOpen) when a live member does it already, or when we are being fenced ourselves, (kMemberNotJoined) when
/// there is nobody to fence.
[[nodiscard]] Result<Transaction> decide_fence(const ClusterState& state, const FenceRequest& request);

/// The verdict after a confirmed fence: Down. Refused (kMemberAlive) when the target's sign moved after the intent.
[[nodiscard]] Result<Transaction> decide_dead(const ClusterState& state, const MemberName& by, const MemberName& target,
                                              std::string reason);

/// Withdraws the intent of `by`, whose target showed a sign of life.
[[nodiscard]] Result<Transaction> decide_fence_void(const ClusterState& state, const MemberName& by,
                                                    const MemberName& target);

/// The operator's word (SAFETY 13 d), or what was recorded on the PDR (SAFETY 15), as `reason` says. `sign_moving`: the
/// caller saw a sign of life within the last `silence`; then refused (SAFETY 15).
[[nodiscard]] Result<Transaction> decide_set_down(const ClusterState& state, const MemberName& target, bool sign_moving,
                                                  const std::string& reason = "set down by the operator");

/// Nobody is fenced from now on, for work on the network or its power (armed again: decide_arm). An open intent and
/// this exclude each other (kFenceOpen): whichever commits first. It is not an error when it is so already: the first
/// word stays.
[[nodiscard]] Result<Transaction> decide_disarm(const ClusterState& state, const OperatorWord& word);
[[nodiscard]] Result<Transaction> decide_arm(const ClusterState& state);

/// The same for one member, whose guests are then not restarted elsewhere either, and which is given none.
[[nodiscard]] Result<Transaction> decide_maintenance_on(const ClusterState& state, const MemberName& target,
                                                        const OperatorWord& word);
[[nodiscard]] Result<Transaction> decide_maintenance_off(const ClusterState& state, const MemberName& target);

/// First step of an orderly leave: nobody sends guests here any more. Refused (kChangeUnderWay) as an admission.
[[nodiscard]] Result<Transaction> decide_leaving(const ClusterState& state, const MemberLife& life,
                                                 const Stalled& stalled = {});
/// Last step: Down. Refused (kMemberHasGuests) while a guest is resident, or on its way, here.
[[nodiscard]] Result<Transaction> decide_left(const ClusterState& state, const MemberLife& life);
/// Back to Joined after a leave that was refused, or that a restart of ssid interrupted.
[[nodiscard]] Result<Transaction> decide_stay(const ClusterState& state, const MemberLife& life);

}  // namespace ssi::cluster
