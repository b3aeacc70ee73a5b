#pragma once
/// Rules about where a single guest runs (R1). Pure, as member_rules. A residency is released only by who holds it:
/// everything is keyed by (guest, member, incarnation, run) (SAFETY 18).

#include <chrono>

#include "daemons/ssid/state/cluster_state.hpp"

namespace ssi::cluster {

/// Who asks for a residency, and for what.
struct StartRequest {
    GuestName guest;
    MemberLife at;
    RunId run;
    DirectoryRecord definition;
    std::string image = {};  ///< The managed save image that libvirt has of it there; empty: none.
};

/// A start at one member. Refused, with the member's name, when the guest runs or may run anywhere.
[[nodiscard]] Result<Transaction> decide_start(const ClusterState& state, const StartRequest& request);

/// What this life's libvirt was seen to do with our doors; empty: it asks them. No writes: it says so already, or the
/// life is not Joined.
[[nodiscard]] Result<Transaction> decide_doors(const ClusterState& state, const MemberLife& life,
                                               const std::string& fault);
/// Refused (kDoorsOpen) while they are open there.
[[nodiscard]] Result<void> doors_let_in(const ClusterState& state, const MemberLife& life, const GuestName& guest);

/// QEMU was let in: Starting becomes Running.
[[nodiscard]] Result<Transaction> decide_running(const ClusterState& state, const GuestName& guest, const RunId& run);

/// The QEMU of this run, at the guest's home, is gone or was never made. During a relocation only the destination can
/// say whether it had taken over: the end is noted and an abort requested. Anything that is not this run's is left
/// alone. `image`: the guest's managed save image as it is now; empty: there is none.
[[nodiscard]] Result<Transaction> decide_release(const ClusterState& state, const GuestName& guest, const RunId& run,
                                                 const std::string& image = {});

/// The QEMU of this run was killed because the lease of its member ran out: Pending by restart policy and placement; in
/// a relocation only after Abort, which is asked for. No writes: not this run's, or nobody there to take it.
[[nodiscard]] Result<Transaction> decide_lost(const ClusterState& state, const GuestName& guest, const RunId& run,
                                              const MemberName& member);

/// What becomes of a guest whose member's life is over: Pending on another member by restart policy and placement, back
/// to the source of a relocation, or gone. No writes: nothing to do, or nobody there to take it, or the member is in
/// maintenance and its guests wait.
[[nodiscard]] Result<Transaction> decide_orphan(const ClusterState& state, const GuestName& guest);

/// A start of a Pending guest failed at `at`: the next member is to try. After kMaxAttempts it stays Pending with the
/// reason, for an operator.
inline constexpr int kMaxAttempts = 6;
[[nodiscard]] Result<Transaction> decide_start_failed(const ClusterState& state, const GuestName& guest,
                                                      const MemberLife& at, const std::string& reason);

/// The operator gives up the restart of a Pending guest.
[[nodiscard]] Result<Transaction> decide_forget_pending(const ClusterState& state, const GuestName& guest);

/// Where to start a guest: a Joined member that is not in maintenance; `avoid` only if there is no other. Of these one
/// with memory enough, as far as that is known, what was promised to others taken off; of these the one that its policy
/// prefers, else the one with the most memory left, then the fewest guests, then the lower name. None if nobody is
/// Joined.
[[nodiscard]] std::optional<MemberLife> choose_member(const ClusterState& state, const GuestName& guest,
                                                      const MemberName& avoid);

/// Nothing of it runs any more, and it did not end by itself: restart policy and placement decide. `residency`: as it
/// is now; `why` is kept with the guest.
[[nodiscard]] Transaction restart_or_forget(const ClusterState& state, const GuestName& guest,
                                            const Residency& residency, const std::string& why);

/// What a member publishes of its memory, if it differs from what it published last by more than kCoarse of either.
inline constexpr std::int64_t kCoarseMib = 256;
[[nodiscard]] Result<Transaction> decide_capacity(const ClusterState& state, const MemberLife& life,
                                                  std::int64_t free_mib);

/// A guest that ran so long after a restart has got over it: earlier restarts count no more.
inline constexpr std::chrono::minutes kSettled{10};
[[nodiscard]] Result<Transaction> decide_settled(const ClusterState& state, const GuestName& guest, const RunId& run);

/// The operator's policy of a guest. Refused (kGuestUnknown) for one that the cluster does not know.
[[nodiscard]] Result<Transaction> decide_policy(const ClusterState& state, const GuestName& guest,
                                                const GuestPolicy& policy);

}  // namespace ssi::cluster
