// SAFETY 1 and 2: how many voters, which, and in which steps.
#include <gtest/gtest.h>

#include <algorithm>
#include <format>
#include <random>
#include <string>
#include <vector>

#include "daemons/ssid/engine/voter_plan.hpp"

namespace ssi::cluster {
namespace {

using Kind = VoterStep::Kind;
using Standing = VoterStanding;

MemberName name(int number) {
    return MemberName::parse(std::format("MEMBER{}", number)).value();
}

/// A cluster and etcd's list, with what etcd itself would refuse as failures of the test.
class Voters {
  public:
    explicit Voters(int members) {
        for (int number = 1; number <= members; ++number) situation.members.push_back({name(number), Standing::kLive});
    }
    Voters& with_witness() {
        situation.witness = Standing::kLive;
        return *this;
    }
    Voters& voting(std::initializer_list<int> numbers) {
        for (const int number : numbers) situation.seats.push_back({next_id_++, VoterKind::kMember, name(number)});
        return *this;
    }
    Voters& witness_votes() {
        situation.seats.push_back({next_id_++, VoterKind::kWitness, {}});
        return *this;
    }
    Voters& is(int number, Standing standing) {
        situation.members[static_cast<std::size_t>(number - 1)].standing = standing;
        return *this;
    }
    [[nodiscard]] Standing standing_of(const Seat& seat) const {
        if (seat.is_lost) return Standing::kGone;
        if (seat.kind == VoterKind::kWitness) return situation.witness.value_or(Standing::kGone);
        const auto found = std::ranges::find(situation.members, seat.member, &VoterCandidate::name);
        return found == situation.members.end() ? Standing::kGone : found->standing;
    }
    [[nodiscard]] bool has_majority() const {
        std::size_t voters = 0;
        std::size_t live = 0;
        for (const auto& seat : situation.seats) {
            if (seat.is_learner) continue;
            ++voters;
            if (standing_of(seat) == Standing::kLive) ++live;
        }
        return live >= voters / 2 + 1;
    }

    /// As etcd: one learner at a time; none is added while a voter is away.
    void carry_out(const VoterStep& step) {
        auto& seats = situation.seats;
        const auto seat = std::ranges::find(seats, step.id, &Seat::id);
        switch (step.kind) {
            case Kind::kAddLearner:
                ASSERT_TRUE(std::ranges::none_of(seats, &Seat::is_learner));
                for (const auto& other : seats) ASSERT_EQ(standing_of(other), Standing::kLive) << "etcd refuses it";
                seats.push_back({next_id_++, step.voter, step.member, true, false});
                break;
            case Kind::kPromote:
                ASSERT_NE(seat, seats.end());
                ASSERT_TRUE(seat->is_learner && seat->is_started);
                seat->is_learner = false;
                break;
            case Kind::kRemove:
                ASSERT_NE(seat, seats.end());
                seats.erase(seat);
                break;
        }
        ASSERT_TRUE(has_majority()) << "our own step took the majority away: " << text();
    }
    /// Steps until there is none; learners of live members start between them. Counts them.
    int settle() {
        for (int steps = 0;; ++steps) {
            const auto step = plan_voters(situation);
            if (!step) {
                bool started = false;
                for (auto& seat : situation.seats)
                    if (!seat.is_started && standing_of(seat) == Standing::kLive) started = seat.is_started = true;
                if (!started) return steps;
                continue;
            }
            carry_out(*step);
            if (::testing::Test::HasFatalFailure() || steps > 30) {
                ADD_FAILURE() << "does not settle: " << text();
                return steps;
            }
        }
    }
    /// "MEMBER1 MEMBER2 witness", learners in brackets; sorted.
    [[nodiscard]] std::string text() const {
        std::vector<std::string> names;
        for (const auto& seat : situation.seats) {
            auto who = seat.kind == VoterKind::kWitness   ? "witness"
                       : seat.kind == VoterKind::kForeign ? "foreign"
                                                          : seat.member.str();
            names.push_back(seat.is_learner ? "(" + who + ")" : who);
        }
        std::ranges::sort(names);
        std::string text;
        for (const auto& who : names) text += (text.empty() ? "" : " ") + who;
        return text;
    }

    VoterSituation situation;

  private:
    std::uint64_t next_id_ = 1;
};

std::optional<VoterStep> step_of(const Voters& voters) {
    return plan_voters(voters.situation);
}

TEST(VoterPlan, grows_to_the_odd_number_for_its_members) {
    const std::vector<std::string> expected{"MEMBER1",
                                            "MEMBER1",
                                            "MEMBER1 MEMBER2 MEMBER3",
                                            "MEMBER1 MEMBER2 MEMBER3",
                                            "MEMBER1 MEMBER2 MEMBER3 MEMBER4 MEMBER5",
                                            "MEMBER1 MEMBER2 MEMBER3 MEMBER4 MEMBER5"};
    for (int members = 1; members <= 6; ++members) {
        auto voters = Voters(members).voting({1});
        voters.settle();
        EXPECT_EQ(voters.text(), expected[static_cast<std::size_t>(members - 1)]);
    }
}

TEST(VoterPlan, grows_with_the_witness_to_two_members_or_four) {
    const std::vector<std::string> expected{"MEMBER1",
                                            "MEMBER1 MEMBER2 witness",
                                            "MEMBER1 MEMBER2 witness",
                                            "MEMBER1 MEMBER2 witness",
                                            "MEMBER1 MEMBER2 MEMBER3 MEMBER4 witness",
                                            "MEMBER1 MEMBER2 MEMBER3 MEMBER4 witness"};
    for (int members = 1; members <= 6; ++members) {
        auto voters = Voters(members).with_witness().voting({1});
        voters.settle();
        EXPECT_EQ(voters.text(), expected[static_cast<std::size_t>(members - 1)]);
    }
}

TEST(VoterPlan, witness_is_the_first_to_join_a_lone_voter) {
    const auto voters = Voters(2).with_witness().voting({1});
    EXPECT_EQ(step_of(voters), (VoterStep{Kind::kAddLearner, VoterKind::kWitness, {}, 0}));
}

TEST(VoterPlan, learner_is_promoted_when_it_has_started) {
    auto voters = Voters(3).voting({1});
    voters.carry_out(*step_of(voters));
    EXPECT_EQ(step_of(voters), std::nullopt) << "its etcd does not run yet";
    voters.situation.seats.back().is_started = true;
    EXPECT_EQ(step_of(voters), (VoterStep{Kind::kPromote, VoterKind::kMember, name(2), 2}));
}

TEST(VoterPlan, learner_whose_member_went_is_removed) {
    auto voters = Voters(4).voting({1});
    voters.carry_out(*step_of(voters));
    voters.is(2, Standing::kUnknown);
    EXPECT_EQ(step_of(voters), (VoterStep{Kind::kRemove, VoterKind::kMember, name(2), 2}));
}

TEST(VoterPlan, dead_voter_keeps_its_seat_until_a_member_can_take_it) {
    auto voters = Voters(4).voting({1, 2, 3}).is(3, Standing::kGone).is(4, Standing::kGone);
    EXPECT_EQ(step_of(voters), std::nullopt);
    voters.is(4, Standing::kLive);
    EXPECT_EQ(step_of(voters), (VoterStep{Kind::kRemove, VoterKind::kMember, name(3), 3}));
    voters.settle();
    EXPECT_EQ(voters.text(), "MEMBER1 MEMBER2 MEMBER4");
}

TEST(VoterPlan, silent_voter_keeps_its_seat) {
    const auto voters = Voters(4).voting({1, 2, 3}).is(3, Standing::kUnknown);
    EXPECT_EQ(step_of(voters), std::nullopt);
}

TEST(VoterPlan, five_become_three_when_two_are_dead_and_not_before) {
    auto voters = Voters(5).voting({1, 2, 3, 4, 5}).is(2, Standing::kGone);
    EXPECT_EQ(step_of(voters), std::nullopt);
    voters.is(4, Standing::kGone).settle();
    EXPECT_EQ(voters.text(), "MEMBER1 MEMBER3 MEMBER5");
    voters.is(1, Standing::kGone).settle();
    EXPECT_EQ(voters.text(), "MEMBER1 MEMBER3 MEMBER5") << "never below three";
}

TEST(VoterPlan, two_members_and_the_witness_are_never_less) {
    auto voters = Voters(2).with_witness().voting({1, 2}).witness_votes().is(2, Standing::kGone);
    EXPECT_EQ(step_of(voters), std::nullopt);
}

TEST(VoterPlan, nothing_is_done_while_the_cluster_boots) {
    auto voters = Voters(5).voting({1, 2, 3, 4, 5});
    for (const int number : {2, 3, 4, 5}) voters.is(number, Standing::kUnknown);
    EXPECT_EQ(step_of(voters), std::nullopt);
}

TEST(VoterPlan, witness_takes_the_place_of_the_third_member_without_a_gap) {
    auto voters = Voters(3).with_witness().voting({1, 2, 3});
    EXPECT_EQ(step_of(voters), (VoterStep{Kind::kAddLearner, VoterKind::kWitness, {}, 0})) << "added before one goes";
    voters.settle();
    EXPECT_EQ(voters.text(), "MEMBER1 MEMBER2 witness");
}

TEST(VoterPlan, seat_without_data_is_given_anew) {
    auto voters = Voters(3).voting({1, 2, 3});
    voters.situation.seats[1].is_lost = true;
    EXPECT_EQ(step_of(voters), (VoterStep{Kind::kRemove, VoterKind::kMember, name(2), 2}));
    voters.settle();
    EXPECT_EQ(voters.text(), "MEMBER1 MEMBER2 MEMBER3");
    EXPECT_NE(voters.situation.seats.back().id, 2U);
}

TEST(VoterPlan, member_no_longer_in_the_file_gives_its_seat_away) {
    auto voters = Voters(3).voting({1, 2});
    voters.situation.seats.push_back({9, VoterKind::kForeign, {}});
    voters.settle();
    EXPECT_EQ(voters.text(), "MEMBER1 MEMBER2 MEMBER3");
}

TEST(VoterPlan, two_members_left_in_the_file_go_back_to_one_voter) {
    auto voters = Voters(2).voting({1, 2});
    voters.situation.seats.push_back({9, VoterKind::kForeign, {}});
    voters.settle();
    EXPECT_EQ(voters.text(), "MEMBER1");
}

TEST(VoterPlan, growth_that_broke_off_goes_back) {
    auto voters = Voters(3).voting({1, 2}).is(3, Standing::kGone);
    voters.settle();
    EXPECT_EQ(voters.text(), "MEMBER1");
}

/// Members die and return one after the other, in any order, a death being silence first and proved later; the plan is
/// asked at every moment, and settles before the next death.
void any_order(int members, bool with_witness, int least_alive, unsigned seed) {
    std::mt19937 random(seed);
    auto voters = Voters(members).voting({1});
    if (with_witness) voters.with_witness();
    voters.settle();
    const auto whole = voters.text();
    int alive = members;
    const auto pick = [&](Standing standing) {
        std::vector<int> numbers;
        for (int number = 1; number <= members; ++number)
            if (voters.situation.members[static_cast<std::size_t>(number - 1)].standing == standing)
                numbers.push_back(number);
        return numbers[std::uniform_int_distribution<std::size_t>(0, numbers.size() - 1)(random)];
    };
    for (int event = 0; event < 40; ++event) {
        const bool dies = alive == members || (alive > least_alive && random() % 2 == 0);
        if (dies) {
            const int number = pick(Standing::kLive);
            --alive;
            voters.is(number, Standing::kUnknown);
            ASSERT_TRUE(voters.has_majority()) << voters.text() << " lost it with " << number << ", seed " << seed;
            voters.settle();
            voters.is(number, Standing::kGone);
        } else {
            ++alive;
            voters.is(pick(Standing::kGone), Standing::kLive);
        }
        voters.settle();
        ASSERT_TRUE(voters.has_majority()) << voters.text() << ", seed " << seed;
        ASSERT_TRUE(voters.situation.seats.size() % 2 == 1) << voters.text() << ", seed " << seed;
        if (::testing::Test::HasFailure()) return;
    }
    while (alive < members) {
        voters.is(pick(Standing::kGone), Standing::kLive);
        ++alive;
    }
    voters.settle();
    const auto seats = static_cast<std::size_t>(std::ranges::count(whole, ' '));
    ASSERT_EQ(voters.situation.seats.size(), seats + 1) << voters.text() << ", seed " << seed;
    ASSERT_EQ(voters.text().contains("witness"), whole.contains("witness")) << voters.text() << ", seed " << seed;
    for (const auto& seat : voters.situation.seats) ASSERT_EQ(voters.standing_of(seat), Standing::kLive);
}

// R3, SAFETY 2: with a witness down to one member and back.
TEST(VoterPlan, any_order_of_single_deaths_keeps_the_majority_with_a_witness) {
    for (int members = 2; members <= 7; ++members)
        for (unsigned seed = 1; seed <= 300; ++seed) {
            any_order(members, true, 1, seed);
            if (HasFailure()) return;
        }
}

// Without one, two of three voters are the least that can decide.
TEST(VoterPlan, any_order_of_single_deaths_keeps_the_majority_without_a_witness) {
    for (int members = 3; members <= 7; ++members)
        for (unsigned seed = 1; seed <= 300; ++seed) {
            any_order(members, false, 2, seed);
            if (HasFailure()) return;
        }
}

// Deaths at any moment, also between two steps: whatever happens, our own step never takes a majority away that is
// there (carry_out asserts it), and when all are back the seats are as they should be.
TEST(VoterPlan, deaths_between_steps_never_make_a_step_take_the_majority) {
    for (unsigned seed = 1; seed <= 3000; ++seed) {
        std::mt19937 random(seed);
        const int members = std::uniform_int_distribution<int>(1, 6)(random);
        auto voters = Voters(members).voting({1});
        if (random() % 2 == 0) voters.with_witness();
        for (int moment = 0; moment < 60; ++moment) {
            const int number = std::uniform_int_distribution<int>(1, members)(random);
            if (random() % 3 == 0) voters.is(number, static_cast<Standing>(random() % 3));
            for (auto& seat : voters.situation.seats) {
                if (voters.standing_of(seat) == Standing::kLive && random() % 2 == 0) seat.is_started = true;
                if (random() % 50 == 0) seat.is_lost = voters.has_majority();
            }
            if (!voters.has_majority()) continue;  // then etcd takes no step at all
            const auto step = plan_voters(voters.situation);
            const bool refused = step && step->kind == Kind::kAddLearner &&
                                 !std::ranges::all_of(voters.situation.seats, [&](const Seat& seat) {
                                     return voters.standing_of(seat) == Standing::kLive;
                                 });
            if (step && !refused) voters.carry_out(*step);
            ASSERT_FALSE(HasFailure()) << "seed " << seed;
        }
        for (int number = 1; number <= members; ++number) voters.is(number, Standing::kLive);
        if (!voters.has_majority()) continue;  // too many lost their data
        voters.settle();
        ASSERT_EQ(voters.situation.seats.size() % 2, 1U) << voters.text() << ", seed " << seed;
        ASSERT_FALSE(HasFailure()) << "seed " << seed;
    }
}

}  // namespace
}  // namespace ssi::cluster
