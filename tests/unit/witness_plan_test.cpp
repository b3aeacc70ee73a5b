// Who runs the witness: each case that a cluster meets, and that nobody runs it who does not hold the lock.
#include "daemons/ssid/engine/witness_plan.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "daemons/ssid/engine/etcd_room.hpp"
#include "lib/common/pdr/layout.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;

MemberSlot slot(int number) {
    return *MemberSlot::from(number);
}
MemberName member_name(int number) {
    return *MemberName::parse(std::format("MEMBER{}", number));
}
pdr::LockParty party(int number, std::uint64_t incarnation = 1) {
    return {slot(number), member_name(number), Incarnation{incarnation}};
}

/// As MEMBER1 sees it.
WitnessSituation seen(const std::optional<pdr::LockParty>& holder, std::optional<int> data) {
    WitnessSituation situation{.own = slot(1), .life = Incarnation{1}, .seat = WitnessSeat::kUsed};
    situation.lock.generation = 4;
    if (holder) situation.lock.witness.emplace(*holder);
    if (data) situation.lock.data = slot(*data);
    situation.claimed = holder && holder->slot == slot(1);
    return situation;
}

TEST(WitnessPlan, the_first_one_of_a_cluster_begins_when_it_has_a_seat) {
    auto situation = seen(std::nullopt, std::nullopt);
    situation.seat = WitnessSeat::kNone;
    EXPECT_EQ(plan_witness(situation), WitnessStep::kNothing) << "another was chosen";
    situation.may_take = true;
    EXPECT_EQ(plan_witness(situation), WitnessStep::kClaim);
    situation = seen(party(1), std::nullopt);
    situation.seat = WitnessSeat::kNone;
    EXPECT_EQ(plan_witness(situation), WitnessStep::kNothing) << "it waits to be added";
    situation.seat = WitnessSeat::kFresh;
    EXPECT_EQ(plan_witness(situation), WitnessStep::kBegin);
    situation.runs = true;
    EXPECT_EQ(plan_witness(situation), WitnessStep::kNothing);
}

TEST(WitnessPlan, a_taker_claims_fetches_and_starts_in_this_order) {
    auto situation = seen(party(2), 2);
    situation.seat = WitnessSeat::kUnknown;
    EXPECT_EQ(plan_witness(situation), WitnessStep::kNothing) << "the holder may live";
    situation.may_fence = true;
    EXPECT_EQ(plan_witness(situation), WitnessStep::kFence);
    situation.may_take = true;
    EXPECT_EQ(plan_witness(situation), WitnessStep::kClaim);
    situation = seen(party(1), 2);
    situation.seat = WitnessSeat::kUnknown;
    EXPECT_EQ(plan_witness(situation), WitnessStep::kFetch);
    situation.lock.data = slot(1);
    EXPECT_EQ(plan_witness(situation), WitnessStep::kStart);
}

TEST(WitnessPlan, whose_data_are_gone_never_votes_again_R3) {
    EXPECT_EQ(plan_witness(seen(party(1), std::nullopt)), WitnessStep::kNothing);
}

TEST(WitnessPlan, a_witness_whose_lock_is_anothers_is_stopped_whatever_else_is_so) {
    for (const bool may_take : {false, true})
        for (const bool must_yield : {false, true})
            for (const auto& holder : {std::optional(party(2)), std::optional<pdr::LockParty>()}) {
                auto situation = seen(holder, 1);
                situation.runs = true;
                situation.may_take = may_take;
                situation.must_yield = must_yield;
                EXPECT_EQ(plan_witness(situation), WitnessStep::kStop);
            }
}

TEST(WitnessPlan, after_a_reboot_the_holder_wins_the_lock_anew_before_it_starts) {
    auto situation = seen(party(1), 1);
    situation.claimed = false;
    situation.life = Incarnation{};
    EXPECT_EQ(plan_witness(situation), WitnessStep::kClaim);
    situation.claimed = true;
    EXPECT_EQ(plan_witness(situation), WitnessStep::kStart) << "alone, before it can join: it may be what is missing";
    situation.runs = true;
    situation.life = Incarnation{2};
    EXPECT_EQ(plan_witness(situation), WitnessStep::kClaim) << "its new incarnation is told";
}

TEST(WitnessPlan, a_boot_that_another_means_to_fence_waits_for_the_outcome_SAFETY_14) {
    auto situation = seen(party(1), 1);
    situation.claimed = false;
    situation.is_barred = true;
    EXPECT_EQ(plan_witness(situation), WitnessStep::kNothing);
    situation.is_barred = false;
    EXPECT_EQ(plan_witness(situation), WitnessStep::kClaim);
}

TEST(WitnessPlan, who_is_not_joined_takes_what_is_free_and_fences_nobody_for_it) {
    auto situation = seen(party(2), 2);
    situation.life = Incarnation{};
    situation.may_fence = true;
    EXPECT_EQ(plan_witness(situation), WitnessStep::kNothing) << "the others may be booting, as this one was";
    situation.may_take = true;
    EXPECT_EQ(plan_witness(situation), WitnessStep::kClaim) << "after a power cut of all it may be alone";
    situation.lock.data.reset();
    EXPECT_EQ(plan_witness(situation), WitnessStep::kNothing) << "no cluster begins with its witness";
}

TEST(WitnessPlan, who_leaves_stops_it_first_and_then_frees_the_lock) {
    auto situation = seen(party(1), 1);
    situation.must_yield = true;
    situation.may_take = true;
    situation.runs = true;
    EXPECT_EQ(plan_witness(situation), WitnessStep::kStop);
    situation.runs = false;
    EXPECT_EQ(plan_witness(situation), WitnessStep::kRelease);
    situation.lock.witness.reset();
    EXPECT_EQ(plan_witness(situation), WitnessStep::kNothing);
}

TEST(WitnessFree, without_a_majority_only_a_release_or_a_proof_frees_it_SAFETY_12) {
    pdr::LockRecord lock;
    lock.generation = 4;
    EXPECT_TRUE(is_free(lock, {}));
    lock.witness.emplace(party(2));
    EXPECT_FALSE(is_free(lock, {}));
    EXPECT_FALSE(is_free(lock, {.still = 10min, .dead_after = std::nullopt, .is_silent = true}))
        << "it may be frozen, and thaw";
    EXPECT_FALSE(is_free(lock, {.still = 11s, .dead_after = 12s, .is_silent = true}));
    EXPECT_TRUE(is_free(lock, {.still = 12s, .dead_after = 12s, .is_silent = true}));
    EXPECT_TRUE(is_free(lock, {.still = 2s, .dead_after = std::nullopt, .is_silent = true, .is_off = true}));
}

TEST(WitnessPlan, from_one_declared_down_it_is_taken_while_it_is_silent_still) {
    EXPECT_FALSE(is_still_gone({.still = 11s, .dead_after = 12s, .is_silent = true}));
    EXPECT_TRUE(is_still_gone({.still = 12s, .dead_after = 12s, .is_silent = true}));
    EXPECT_TRUE(is_still_gone({.dead_after = std::nullopt, .is_silent = true}))
        << "no time proves its death: an agent did";
    EXPECT_FALSE(is_still_gone({}));
}

std::vector<VoterCandidate> members(std::initializer_list<VoterStanding> standings) {
    std::vector<VoterCandidate> list;
    for (const auto standing : standings) list.push_back({member_name(static_cast<int>(list.size()) + 1), standing});
    return list;
}
std::vector<Seat> voters(std::initializer_list<int> numbers) {
    std::vector<Seat> seats;
    for (const int number : numbers) {
        Seat seat;
        seat.member = member_name(number);
        seats.push_back(seat);
    }
    return seats;
}

TEST(WitnessHome, is_a_member_without_a_vote_if_there_is_one) {
    using enum VoterStanding;
    EXPECT_EQ(witness_home(members({kLive, kLive, kLive}), voters({1, 2})), member_name(3));
    EXPECT_EQ(witness_home(members({kLive, kLive, kLive}), voters({2, 3})), member_name(1));
    EXPECT_EQ(witness_home(members({kLive, kLive}), voters({1, 2})), member_name(2));
    EXPECT_EQ(witness_home(members({kLive, kUnknown, kGone}), voters({1})), member_name(1));
    EXPECT_EQ(witness_home(members({kUnknown, kGone}), voters({1})), std::nullopt);
}

TEST(WitnessHome, is_moved_to_only_from_a_voter_to_one_without_a_vote_and_never_at_the_price_of_the_majority) {
    using enum VoterStanding;
    auto seats = voters({2, 3});
    Seat witness;
    witness.kind = VoterKind::kWitness;
    seats.push_back(witness);
    EXPECT_TRUE(should_move(member_name(3), members({kLive, kLive, kLive}), seats)) << "its death would cost two votes";
    EXPECT_FALSE(should_move(member_name(1), members({kLive, kLive, kLive}), seats));
    EXPECT_FALSE(should_move(member_name(3), members({kUnknown, kLive, kLive}), seats)) << "where to?";
    EXPECT_FALSE(should_move(member_name(3), members({kLive, kUnknown, kLive}), seats))
        << "the witness is needed just now";
    EXPECT_FALSE(should_move(member_name(2), members({kLive, kLive}), voters({1, 2}))) << "of two, both vote";
}

TEST(WitnessSeat, is_fresh_only_as_long_as_it_has_never_run) {
    EXPECT_EQ(witness_seat({}), WitnessSeat::kUnknown);
    Seat seat;
    EXPECT_EQ(witness_seat({seat}), WitnessSeat::kNone);
    seat.kind = VoterKind::kWitness;
    seat.is_learner = true;
    seat.is_started = false;
    EXPECT_EQ(witness_seat({seat}), WitnessSeat::kFresh);
    seat.is_started = true;
    EXPECT_EQ(witness_seat({seat}), WitnessSeat::kUsed);
    seat.is_learner = false;
    EXPECT_EQ(witness_seat({seat}), WitnessSeat::kUsed);
    seat.is_started = false;
    EXPECT_EQ(witness_seat({seat}), WitnessSeat::kUsed) << "it was promoted: its votes count";
}

TEST(WitnessArea, has_room_for_an_etcd_that_is_told_how_little_there_is_SAFETY_25) {
    const auto text = fit_witness_area(R"({"name": "witness", "quota-backend-bytes": 1073741824, "pre-vote": true})");
    const auto settings = boost::json::parse(text).as_object();
    EXPECT_EQ(settings.at("quota-backend-bytes").as_int64(), kWitnessQuotaBytes);
    EXPECT_EQ(settings.at("max-wals").as_int64(), 1);
    EXPECT_EQ(settings.at("name").as_string(), "witness");
    EXPECT_TRUE(settings.at("pre-vote").as_bool());
    constexpr std::int64_t kLogs = 4 * (std::int64_t{64} << 20);
    EXPECT_LT(2 * kWitnessQuotaBytes + kLogs, static_cast<std::int64_t>(pdr::kWitnessArea) * 9 / 10);
}

}  // namespace
}  // namespace ssi::cluster
