#pragma once
/// Rules of a move (SAFETY 22). Pure, as member_rules. Begin may be asked for by any member; only the destination says
/// Done or Abort, but for the proof of its death (guest_rules, decide_orphan).

#include "daemons/ssid/state/cluster_state.hpp"

namespace ssi::cluster {

/// From now on the guest counts as resident on both. Refused: not Running, already there, target not Joined, or moving.
[[nodiscard]] Result<Transaction> decide_begin_relocation(const ClusterState& state, const GuestName& guest,
                                                          const MemberName& to, const RunId& run);

/// The source (or an operator) wants it undone.
[[nodiscard]] Result<Transaction> decide_request_abort(const ClusterState& state, const GuestName& guest,
                                                       const RunId& run);

/// The destination's door granted ACQUIRE: the guest is there.
[[nodiscard]] Result<Transaction> decide_done(const ClusterState& state, const GuestName& guest, const RunId& run);

/// The destination killed the token under its door's lock: the guest is (still) at the source, or nowhere when the
/// source's QEMU has ended or its member is dead.
[[nodiscard]] Result<Transaction> decide_abort(const ClusterState& state, const GuestName& guest, const RunId& run);

}  // namespace ssi::cluster
