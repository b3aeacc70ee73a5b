#pragma once
/// Faults that tests/sim builds into the decision code on purpose, to show that its checker finds them. In every other
/// build `mutated` is false at compile time, and the code of the fault is gone.

namespace ssi {

enum class Mutation {
    kNone,
    kSkipFreshRead,              ///< SAFETY 5: a pass counts though our own slot did not come back.
    kRenewAfterExpiry,           ///< SAFETY 6: a sign of life brings an expired lease back.
    kRightBeforeCommit,          ///< SAFETY 21: the right is given without waiting for the residency's commit.
    kIncarnationIgnored,         ///< SAFETY 18: what an earlier life of a member left is taken for its present one's.
    kUnarmedWatchdogAccepted,    ///< SAFETY 13 b: time proves a death though no armed hardware watchdog stands by.
    kBrokenWatchdogTrusted,      ///< SAFETY 11: a watchdog that cannot be fed any more is still said to be armed.
    kReleaseByNameAlone,         ///< SAFETY 18: a release is keyed by the guest's name.
    kReacquireDuringRelocation,  ///< SAFETY 22: the source may go on while the move is open.
    kRenewalFromCompletion,      ///< SAFETY 5: a renewal counts from its completion.
    kLoneBeforeReadBack,         ///< SAFETY 3: no lease is needed though the slot may not say LONE yet.
    kLoneForgottenByGuard,       ///< SAFETY 3: a guard that is started again says that its member is not alone.
    kTimeoutTakenForFailure,     ///< engine.hpp: a move is undone because the commit of its end timed out.
    kComparePeerStamp,           ///< SAFETY 5: a peer's stamp is compared with the own clock.
    kWitnessWithoutLock,         ///< SAFETY 16: the witness is started though its lock was not won.
    kWitnessKeptByLinks,         ///< SAFETY 9: the witness lives on while ssid does, whatever becomes of the slot.
    kTimeAgainstLone,            ///< SAFETY 3: time proves the death of a member whose slot says LONE.
};

#ifdef SSI_MUTATIONS
/// The one that is built in now; one test at a time.
inline Mutation active_mutation = Mutation::kNone;
[[nodiscard]] inline bool mutated(Mutation mutation) {
    return active_mutation == mutation;
}
#else
[[nodiscard]] constexpr bool mutated(Mutation /*mutation*/) {
    return false;
}
#endif

}  // namespace ssi
