#include "daemons/ssid/engine/witness_plan.hpp"

#include <algorithm>
#include <ranges>

#include "lib/common/mutation.hpp"

namespace ssi::cluster {
namespace {

bool votes(const std::vector<Seat>& seats, const MemberName& member) {
    return std::ranges::any_of(seats, [&](const Seat& seat) {
        return seat.kind == VoterKind::kMember && seat.member == member && !seat.is_learner;
    });
}

WitnessStep as_holder(const WitnessSituation& situation) {
    // A later boot of ours is another holder: a taker that has judged the one before it must lose its attempt.
    if (!situation.claimed && situation.runs) return WitnessStep::kStop;
    if (!situation.claimed) return situation.is_barred ? WitnessStep::kNothing : WitnessStep::kClaim;
    if (situation.life != Incarnation{} && situation.life != situation.lock.witness->incarnation)
        return WitnessStep::kClaim;
    switch (situation.seat) {
        case WitnessSeat::kNone:
            return situation.runs ? WitnessStep::kStop : WitnessStep::kNothing;
        case WitnessSeat::kFresh:
            return situation.runs ? WitnessStep::kNothing : WitnessStep::kBegin;
        case WitnessSeat::kUnknown:
        case WitnessSeat::kUsed:
            break;
    }
    if (situation.runs || !situation.lock.data) return WitnessStep::kNothing;
    return situation.lock.data == situation.own ? WitnessStep::kStart : WitnessStep::kFetch;
}

}  // namespace

bool is_free(const pdr::LockRecord& lock, const HolderSigns& holder) {
    if (!lock.witness || holder.is_off) return true;
    return holder.dead_after && holder.still >= *holder.dead_after;
}

bool is_still_gone(const HolderSigns& holder) {
    return holder.dead_after ? holder.still >= *holder.dead_after : holder.is_silent;
}

std::optional<MemberName> witness_home(const std::vector<VoterCandidate>& members, const std::vector<Seat>& seats) {
    std::optional<MemberName> home;
    bool home_votes = true;
    for (const auto& member : members) {
        if (member.standing != VoterStanding::kLive) continue;
        const bool member_votes = votes(seats, member.name);
        if (home && member_votes && !home_votes) continue;
        home = member.name;
        home_votes = member_votes;
    }
    return home;
}

bool should_move(const MemberName& holder, const std::vector<VoterCandidate>& members, const std::vector<Seat>& seats) {
    const auto home = witness_home(members, seats);
    if (!home || *home == holder || !votes(seats, holder) || votes(seats, *home)) return false;
    const auto voters = std::ranges::count(seats, false, &Seat::is_learner);
    const auto live = std::ranges::count_if(members, [&](const VoterCandidate& member) {
        return member.standing == VoterStanding::kLive && votes(seats, member.name);
    });
    return live >= voters / 2 + 1;
}

WitnessSeat witness_seat(const std::vector<Seat>& seats) {
    if (seats.empty()) return WitnessSeat::kUnknown;
    const auto seat = std::ranges::find(seats, VoterKind::kWitness, &Seat::kind);
    if (seat == seats.end()) return WitnessSeat::kNone;
    return seat->is_learner && !seat->is_started ? WitnessSeat::kFresh : WitnessSeat::kUsed;
}

WitnessStep plan_witness(const WitnessSituation& situation) {
    if (mutated(Mutation::kWitnessWithoutLock) && situation.lock.data)
        return situation.runs ? WitnessStep::kNothing : WitnessStep::kStart;
    const auto& holder = situation.lock.witness;
    const bool is_ours = holder && holder->slot == situation.own;
    if (!is_ours && situation.runs) return WitnessStep::kStop;
    if (situation.must_yield) {
        if (!is_ours) return WitnessStep::kNothing;
        return situation.runs ? WitnessStep::kStop : WitnessStep::kRelease;
    }
    if (is_ours) return as_holder(situation);
    const bool is_joined = situation.life != Incarnation{};
    // One that is not Joined, after a power cut of all, may need the witness to become so; but not to begin a cluster.
    if (situation.may_take && (is_joined || situation.lock.data)) return WitnessStep::kClaim;
    // Who has just booted itself does not know how long the others' boots take.
    return situation.may_fence && is_joined ? WitnessStep::kFence : WitnessStep::kNothing;
}

}  // namespace ssi::cluster
