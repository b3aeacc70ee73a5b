#pragma once
/// Who should hold the engine's votes, and the next step towards that (SAFETY 1 and 2). Pure.

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/common/names.hpp"

namespace ssi::cluster {

/// What a seat in etcd's list stands for.
enum class VoterKind {
    kMember,   ///< The etcd of a member of system.toml.
    kWitness,  ///< The etcd on the PDR volume.
    kForeign,  ///< Of a member that is no more in system.toml: as one proved dead.
};

/// What the cluster knows of a member, or of the witness, as a voter.
enum class VoterStanding {
    kLive,     ///< Joined, and no fencing of it is open; the witness: its holder serves it.
    kUnknown,  ///< Neither live nor proved dead: silent, leaving, or never seen. It keeps what it has.
    kGone,     ///< Proved dead, or left in order.
};

/// A member of system.toml.
struct VoterCandidate {
    MemberName name;
    VoterStanding standing = VoterStanding::kUnknown;
};

/// An entry of etcd's list.
struct Seat {
    std::uint64_t id = 0;
    VoterKind kind = VoterKind::kMember;
    MemberName member;  ///< With kMember.
    bool is_learner = false;
    bool is_started = true;  ///< It has told the others its name: its etcd ran at least once.
    bool is_lost = false;    ///< Its member says that the data behind this seat is gone: it can never vote again.
    friend bool operator==(const Seat&, const Seat&) = default;
};

struct VoterSituation {
    std::vector<VoterCandidate> members;  ///< By slot.
    std::vector<Seat> seats;
    /// The witness, if this cluster has one; kLive: it can take, or has, a seat.
    std::optional<VoterStanding> witness;
};

struct VoterStep {
    enum class Kind { kAddLearner, kPromote, kRemove };
    Kind kind = Kind::kAddLearner;
    VoterKind voter = VoterKind::kMember;
    MemberName member;     ///< Empty for the witness and for a foreign seat.
    std::uint64_t id = 0;  ///< Of the seat; 0 with kAddLearner.
    friend bool operator==(const VoterStep&, const VoterStep&) = default;
};

/// The next step; none when all is as it should be, or nothing can be done now. To be asked again after each step, on
/// the list as it then is. Wanted are one voter for a member alone, and for two without a witness; three from three
/// members (with a witness: it and two members, from two members); five from five members (with a witness: it and
/// four).
/// - Once there are three, there are never fewer again because members died; five become three when two are proved dead
///   and nobody can take their seats.
/// - A dead voter keeps its seat until a live member can take it: then it is removed, the other is added as learner
///   and, when its etcd has started, promoted. A voter of unknown standing keeps its seat in any case.
/// - Live voters keep their seats too, whatever their slots.
/// - No step leaves fewer live voters than a majority.
[[nodiscard]] std::optional<VoterStep> plan_voters(const VoterSituation& situation);

}  // namespace ssi::cluster
