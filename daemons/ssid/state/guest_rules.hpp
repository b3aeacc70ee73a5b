#pragma once
/// Rules about where a single guest runs (R1). Pure, as member_rules. A residency is released only by who holds it:
/// everything is keyed by (guest, member, incarnation, run) (SAFETY 18).

#include "daemons/ssid/state/cluster_state.hpp"

namespace ssi::cluster {

/// Who asks for a residency, and for what.
struct StartRequest {
    GuestName guest;
    MemberLife at;
    RunId run;
    DirectoryRecord definition;
};

/// A start at one member. Refused, with the member's name, when the guest runs or may run anywhere.
[[nodiscard]] Result<Transaction> decide_start(const ClusterState& state, const StartRequest& request);

/// QEMU was let in: Starting becomes Running.
[[nodiscard]] Result<Transaction> decide_running(const ClusterState& state, const GuestName& guest, const RunId& run);

/// The QEMU of this run, at the guest's home, is gone or was never made. During a relocation only the destination can
/// say whether it had taken over: the end is noted and an abort requested. Anything that is not this run's is left
/// alone.
[[nodiscard]] Result<Transaction> decide_release(const ClusterState& state, const GuestName& guest, const RunId& run);

/// What becomes of a guest whose member's life is over: Pending on another member by restart policy and placement, back
/// to the source of a relocation, or gone. No writes: nothing to do, or nobody there to take it.
[[nodiscard]] Result<Transaction> decide_orphan(const ClusterState& state, const GuestName& guest);

/// A start of a Pending guest failed at `at`: the next member is to try. After kMaxAttempts it stays Pending with the
/// reason, for an operator.
inline constexpr int kMaxAttempts = 6;
[[nodiscard]] Result<Transaction> decide_start_failed(const ClusterState& state, const GuestName& guest,
                                                      const MemberLife& at, const std::string& reason);

/// The operator gives up the restart of a Pending guest.
[[nodiscard]] Result<Transaction> decide_forget_pending(const ClusterState& state, const GuestName& guest);

/// The Joined member with the fewest guests that is not `avoid`; if there is none but `avoid`, that; none if nobody is
/// Joined. Ties: the lower name.
[[nodiscard]] std::optional<MemberLife> choose_member(const ClusterState& state, const MemberName& avoid);

}  // namespace ssi::cluster
