#include "daemons/ssid/engine/voter_plan.hpp"

#include <algorithm>
#include <vector>

namespace ssi::cluster {
namespace {

using std::ranges::count_if;
using std::ranges::find_if;

std::size_t ideal(std::size_t members, bool with_witness) {
    if (members >= 5) return 5;
    return members >= (with_witness ? 2U : 3U) ? 3 : 1;
}

/// The situation with its seats sorted by what is to become of them.
class Plan {
  public:
    explicit Plan(const VoterSituation& situation) : situation_(situation) {
        for (const auto& seat : situation.seats) (seat.is_learner ? learners_ : voters_).push_back(&seat);
        sort_seats(wanted());
    }

    std::optional<VoterStep> next() const {
        for (const auto* learner : learners_)
            if (learner->is_lost || !is_newcomer(*learner)) return remove(*learner);
        // Removed before its successor is added: etcd adds nobody while a voter is away.
        for (const auto* voter : surplus_)
            if (standing(*voter) == VoterStanding::kGone) return remove(*voter);
        for (const auto* learner : learners_)
            if (learner->is_started) return promote(*learner);
        if (!learners_.empty()) return std::nullopt;
        if (witness_comes_) return VoterStep{VoterStep::Kind::kAddLearner, VoterKind::kWitness, {}, 0};
        if (!newcomers_.empty())
            return VoterStep{VoterStep::Kind::kAddLearner, VoterKind::kMember, newcomers_.front(), 0};
        // With a silent voter about, each live one may be needed.
        const bool all_known =
            std::ranges::none_of(voters_, [&](const Seat* seat) { return standing(*seat) == VoterStanding::kUnknown; });
        if (!surplus_.empty() && all_known) return remove(*surplus_.back());
        return std::nullopt;
    }

  private:
    [[nodiscard]] VoterStanding standing(const MemberName& member) const {
        const auto found = std::ranges::find(situation_.members, member, &VoterCandidate::name);
        return found == situation_.members.end() ? VoterStanding::kGone : found->standing;
    }
    [[nodiscard]] VoterStanding standing(const Seat& seat) const {
        if (seat.is_lost || seat.kind == VoterKind::kForeign) return VoterStanding::kGone;
        if (seat.kind == VoterKind::kWitness) return situation_.witness.value_or(VoterStanding::kGone);
        return standing(seat.member);
    }
    [[nodiscard]] std::size_t count(VoterStanding wanted) const {
        return static_cast<std::size_t>(count_if(voters_, [&](const Seat* seat) { return standing(*seat) == wanted; }));
    }
    [[nodiscard]] bool witness_is_live() const { return situation_.witness == VoterStanding::kLive; }
    [[nodiscard]] bool witness_votes() const {
        return std::ranges::any_of(voters_, [](const Seat* seat) { return seat->kind == VoterKind::kWitness; });
    }

    /// How many voters there should be. Always odd.
    [[nodiscard]] std::size_t wanted() const {
        const auto live_members = static_cast<std::size_t>(
            count_if(situation_.members, [](const auto& member) { return member.standing == VoterStanding::kLive; }));
        const auto best = ideal(live_members, witness_is_live());
        const auto voters = voters_.size();
        if (best >= voters) return best;
        if (voters > 5) return 5;
        if (voters == 5) return count(VoterStanding::kGone) >= 2 ? 3 : 5;
        if (voters == 4) return 3;
        // Fewer than three members that live are no reason to have less than three voters; fewer in the file are.
        if (voters == 3) return ideal(situation_.members.size(), situation_.witness.has_value());
        return witness_votes() && situation_.witness ? 3 : 1;
    }

    void sort_seats(std::size_t wanted) {
        auto places = wanted;
        const Seat* witness = nullptr;
        for (const auto* voter : voters_)
            if (voter->kind == VoterKind::kWitness && standing(*voter) != VoterStanding::kGone) witness = voter;
        const bool with_witness = wanted >= 3 && (witness != nullptr || witness_is_live());
        if (with_witness) --places;
        witness_comes_ = with_witness && witness == nullptr;

        // In the order in which they keep their places: live voters, silent ones, live members without a vote.
        for (const auto kind : {VoterStanding::kLive, VoterStanding::kUnknown})
            for (const auto& member : situation_.members)
                if (const auto* voter = voter_of(member.name); voter != nullptr && member.standing == kind)
                    places > 0 ? void(--places) : surplus_.push_back(voter);
        for (const bool learns : {true, false})
            for (const auto& member : situation_.members)
                if (places > 0 && member.standing == VoterStanding::kLive && voter_of(member.name) == nullptr &&
                    learns_already(member.name) == learns) {
                    newcomers_.push_back(member.name);
                    --places;
                }
        // The dead keep what nobody else can take.
        for (const auto* voter : voters_)
            if (standing(*voter) == VoterStanding::kGone) places > 0 ? void(--places) : surplus_.push_back(voter);
        if (witness != nullptr && !with_witness) surplus_.push_back(witness);
    }

    /// The seat with which it votes, if it has one whose data is not lost.
    [[nodiscard]] const Seat* voter_of(const MemberName& member) const {
        const auto found = find_if(voters_, [&](const Seat* seat) {
            return seat->kind == VoterKind::kMember && seat->member == member && !seat->is_lost;
        });
        return found == voters_.end() ? nullptr : *found;
    }
    [[nodiscard]] bool learns_already(const MemberName& member) const {
        return std::ranges::any_of(learners_, [&](const Seat* seat) { return seat->member == member; });
    }
    [[nodiscard]] bool is_newcomer(const Seat& learner) const {
        if (learner.kind == VoterKind::kWitness) return witness_comes_;
        return learner.kind == VoterKind::kMember && std::ranges::contains(newcomers_, learner.member);
    }

    /// The step, if it leaves a majority of live voters.
    [[nodiscard]] std::optional<VoterStep> remove(const Seat& seat) const {
        const VoterStep step{VoterStep::Kind::kRemove, seat.kind, seat.member, seat.id};
        if (seat.is_learner) return step;
        const auto live = count(VoterStanding::kLive) - (standing(seat) == VoterStanding::kLive ? 1 : 0);
        const auto voters = voters_.size() - 1;
        return live >= voters / 2 + 1 ? std::optional(step) : std::nullopt;
    }
    [[nodiscard]] std::optional<VoterStep> promote(const Seat& seat) const {
        const VoterStep step{VoterStep::Kind::kPromote, seat.kind, seat.member, seat.id};
        const auto live = count(VoterStanding::kLive) + 1;
        const auto voters = voters_.size() + 1;
        return live >= voters / 2 + 1 ? std::optional(step) : std::nullopt;
    }

    const VoterSituation& situation_;
    std::vector<const Seat*> voters_;
    std::vector<const Seat*> learners_;
    std::vector<const Seat*> surplus_;   ///< Voters that are to go; the last one first.
    std::vector<MemberName> newcomers_;  ///< Members that are to become voters.
    bool witness_comes_ = false;
};

}  // namespace

std::optional<VoterStep> plan_voters(const VoterSituation& situation) {
    return Plan(situation).next();
}

}  // namespace ssi::cluster
