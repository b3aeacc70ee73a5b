/// Who is admitted, who is dead (R4, SAFETY 12-15, 18), and who is silent in one member's eyes (SAFETY 5).

#include <gtest/gtest.h>

#include "daemons/ssid/membership/peer_watch.hpp"
#include "daemons/ssid/membership/voter_standing.hpp"
#include "daemons/ssid/state/record_keys.hpp"
#include "tests/unit/state_builder.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;

Result<Transaction> fence(const StateBuilder& at, const std::string& by, const std::string& target,
                          bool owner_silent = false) {
    return decide_fence(at.state(),
                        {at.life(by), member(target), at.state().modified(alive_key(member(target))), owner_silent});
}

TEST(MemberRules, each_admission_is_a_new_incarnation) {
    StateBuilder at;
    at.joined("MEMBER1");
    const auto first = at.life("MEMBER1");
    at.joined("MEMBER1");
    EXPECT_GT(at.life("MEMBER1").incarnation, first.incarnation);
    EXPECT_TRUE(at.state().is_over(first));
    EXPECT_EQ(refusal(decide_alive(at.state(), first, 1)), ErrorCode::kDeclaredDead);
}

TEST(MemberRules, a_fence_that_is_open_keeps_the_target_out_SAFETY_14) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2");
    ASSERT_TRUE(at.commit(fence(at, "MEMBER1", "MEMBER2")));
    EXPECT_EQ(refusal(decide_admission(at.state(), member("MEMBER2"))), ErrorCode::kFenceOpen);
}

TEST(MemberRules, off_is_void_when_the_target_moves_afterwards_SAFETY_14) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2");
    at.commit(fence(at, "MEMBER1", "MEMBER2"));
    at.beat("MEMBER2");
    EXPECT_EQ(refusal(decide_dead(at.state(), member("MEMBER1"), member("MEMBER2"), "x")), ErrorCode::kMemberAlive);
    ASSERT_TRUE(at.commit(decide_fence_void(at.state(), member("MEMBER1"), member("MEMBER2"))));
    EXPECT_TRUE(at.state().may_take_guests(at.life("MEMBER2")));
}

TEST(MemberRules, a_silence_that_has_ended_fences_nobody) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2");
    const auto seen = at.state().modified(alive_key(member("MEMBER2")));
    at.beat("MEMBER2");
    EXPECT_EQ(refusal(decide_fence(at.state(), {at.life("MEMBER1"), member("MEMBER2"), seen})),
              ErrorCode::kMemberAlive);
}

TEST(MemberRules, two_members_never_shoot_each_other) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2");
    const auto one = fence(at, "MEMBER1", "MEMBER2");
    const auto other = fence(at, "MEMBER2", "MEMBER1");
    EXPECT_TRUE(at.commit(one));
    EXPECT_FALSE(at.commit(other));
    EXPECT_EQ(refusal(fence(at, "MEMBER2", "MEMBER1")), ErrorCode::kFenceOpen);
}

TEST(MemberRules, an_intent_passes_on_when_its_owner_is_gone_too) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").joined("MEMBER3");
    at.commit(fence(at, "MEMBER1", "MEMBER2"));
    EXPECT_EQ(refusal(fence(at, "MEMBER3", "MEMBER2")), ErrorCode::kFenceOpen);
    EXPECT_TRUE(at.commit(fence(at, "MEMBER3", "MEMBER2", true)));
    EXPECT_EQ(refusal(decide_dead(at.state(), member("MEMBER1"), member("MEMBER2"), "x")), ErrorCode::kFenceOpen);
    EXPECT_TRUE(at.commit(decide_dead(at.state(), member("MEMBER3"), member("MEMBER2"), "x")));
    EXPECT_EQ(at.state().member(member("MEMBER2"))->state, MemberState::kDown);
    EXPECT_TRUE(at.state().fences().empty());
}

TEST(MemberRules, the_operators_word_is_refused_while_a_sign_moves_SAFETY_15) {
    StateBuilder at;
    at.joined("MEMBER1");
    EXPECT_EQ(refusal(decide_set_down(at.state(), member("MEMBER1"), true)), ErrorCode::kMemberAlive);
    const auto decided = decide_set_down(at.state(), member("MEMBER1"), false);
    at.beat("MEMBER1");
    EXPECT_FALSE(at.commit(decided)) << "it moved between the word and the commit";
}

TEST(MemberRules, one_join_or_leave_at_a_time) {
    StateBuilder at;
    at.joined("MEMBER1");
    const auto one = decide_admission(at.state(), member("MEMBER2"));
    const auto other = decide_admission(at.state(), member("MEMBER3"));
    const auto leave = decide_leaving(at.state(), at.life("MEMBER1"));
    ASSERT_TRUE(at.commit(one));
    EXPECT_FALSE(at.commit(other)) << "neither was ever in the cluster: still only one commits";
    EXPECT_FALSE(at.commit(leave));
    EXPECT_EQ(at.state().member(member("MEMBER2"))->state, MemberState::kJoining);
    EXPECT_EQ(refusal(decide_admission(at.state(), member("MEMBER3"))), ErrorCode::kChangeUnderWay);
    EXPECT_EQ(refusal(decide_leaving(at.state(), at.life("MEMBER1"))), ErrorCode::kChangeUnderWay);
    ASSERT_TRUE(at.commit(decide_joined(at.state(), at.life("MEMBER2"))));
    ASSERT_TRUE(at.commit(decide_leaving(at.state(), at.life("MEMBER1"))));
    EXPECT_EQ(refusal(decide_admission(at.state(), member("MEMBER3"))), ErrorCode::kChangeUnderWay);
    ASSERT_TRUE(at.commit(decide_left(at.state(), at.life("MEMBER1"))));
    at.joined("MEMBER3");
    EXPECT_EQ(at.state().transition(), nullptr);
}

TEST(MemberRules, a_joining_member_takes_no_guests_and_is_not_fenced) {
    StateBuilder at;
    at.joined("MEMBER1").joining("MEMBER2");
    EXPECT_EQ(refusal(at.start("g", "MEMBER2", "r1")), ErrorCode::kMemberNotJoined);
    EXPECT_EQ(refusal(fence(at, "MEMBER1", "MEMBER2")), ErrorCode::kMemberNotJoined);
    at.joined("MEMBER2");
    EXPECT_TRUE(changes_nothing(decide_joined(at.state(), at.life("MEMBER2")))) << "it finds its own earlier commit";
}

TEST(MemberRules, a_join_that_stalls_is_void_and_holds_nobody_up) {
    StateBuilder at;
    at.joining("MEMBER2");
    const auto stalled_life = at.life("MEMBER2");
    ASSERT_TRUE(at.commit(decide_admission(at.state(), member("MEMBER1"), member("MEMBER2"))));
    EXPECT_EQ(at.state().member(member("MEMBER2"))->state, MemberState::kDown);
    EXPECT_EQ(refusal(decide_joined(at.state(), stalled_life)), ErrorCode::kChangeUnderWay) << "it comes too late";
    ASSERT_TRUE(at.commit(decide_joined(at.state(), at.life("MEMBER1"))));
    at.joined("MEMBER2");
    EXPECT_GT(at.life("MEMBER2").incarnation, stalled_life.incarnation);
}

TEST(MemberRules, a_leave_that_stalls_holds_nobody_up_and_is_no_death_R4) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").running("g", "MEMBER2", "r1");
    at.commit(decide_leaving(at.state(), at.life("MEMBER2")));
    ASSERT_TRUE(at.commit(decide_admission(at.state(), member("MEMBER3"), member("MEMBER2"))));
    ASSERT_TRUE(at.commit(decide_joined(at.state(), at.life("MEMBER3"))));
    EXPECT_EQ(at.state().member(member("MEMBER2"))->state, MemberState::kLeaving);
    EXPECT_TRUE(changes_nothing(decide_orphan(at.state(), guest("g"))));
    EXPECT_TRUE(at.commit(decide_stay(at.state(), at.life("MEMBER2"))));
}

TEST(MemberRules, the_death_of_a_leaving_member_ends_its_leave) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2");
    at.commit(decide_leaving(at.state(), at.life("MEMBER2")));
    at.commit(fence(at, "MEMBER1", "MEMBER2"));
    ASSERT_TRUE(at.commit(decide_dead(at.state(), member("MEMBER1"), member("MEMBER2"), "x")));
    EXPECT_EQ(at.state().transition(), nullptr);
}

TEST(MemberRules, who_may_not_join_as_it_is_is_isolated_until_it_may) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").running("g", "MEMBER2", "r1").joining("MEMBER1");
    ASSERT_TRUE(at.commit(decide_isolated(at.state(), member("MEMBER2"), "other configuration")));
    EXPECT_EQ(at.state().member(member("MEMBER2"))->state, MemberState::kIsolated);
    EXPECT_EQ(at.state().member(member("MEMBER2"))->reason, "other configuration");
    EXPECT_EQ(refusal(at.start("g2", "MEMBER2", "r2")), ErrorCode::kMemberNotJoined);
    EXPECT_TRUE(changes_nothing(decide_isolated(at.state(), member("MEMBER2"), "other configuration")));
    at.commit(decide_joined(at.state(), at.life("MEMBER1")));
    ASSERT_TRUE(at.commit(decide_orphan(at.state(), guest("g")))) << "its boot ended what ran there";
    EXPECT_EQ(at.residency("g")->home, at.life("MEMBER1"));
    at.joined("MEMBER2");
}

TEST(MemberRules, the_last_verdict_is_kept_over_later_lives) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2");
    const auto life = at.life("MEMBER2");
    at.down("MEMBER2").joined("MEMBER2");
    EXPECT_EQ(at.state().member(member("MEMBER2"))->verdict, "set down by the operator");
    EXPECT_EQ(at.state().member(member("MEMBER2"))->declared_dead, life.incarnation);
    EXPECT_EQ(at.state().member(member("MEMBER2"))->reason, "");
}

TEST(MemberRules, while_disarmed_nobody_is_fenced) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").disarmed();
    EXPECT_EQ(refusal(fence(at, "MEMBER1", "MEMBER2")), ErrorCode::kFencingDisarmed);
    EXPECT_TRUE(changes_nothing(decide_disarm(at.state(), {member("MEMBER2"), "other", "", 2})))
        << "the first word stays";
    EXPECT_TRUE(at.commit(decide_set_down(at.state(), member("MEMBER2"), false))) << "the operator's word counts";
    at.joined("MEMBER2");
    ASSERT_TRUE(at.commit(decide_arm(at.state())));
    EXPECT_TRUE(at.commit(fence(at, "MEMBER1", "MEMBER2")));
}

TEST(MemberRules, of_a_fence_and_a_disarm_decided_at_once_only_one_commits) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").joined("MEMBER3");
    const auto fenced = fence(at, "MEMBER1", "MEMBER2");
    const auto disarmed = decide_disarm(at.state(), kWord);
    StateBuilder other = at;
    ASSERT_TRUE(at.commit(fenced));
    EXPECT_FALSE(at.commit(disarmed));
    EXPECT_EQ(refusal(decide_disarm(at.state(), kWord)), ErrorCode::kFenceOpen);
    ASSERT_TRUE(other.commit(disarmed));
    EXPECT_FALSE(other.commit(fenced));
}

TEST(MemberRules, a_member_in_maintenance_is_not_fenced_and_others_are) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").joined("MEMBER3");
    const auto at_once = fence(at, "MEMBER1", "MEMBER2");
    at.in_maintenance("MEMBER2");
    EXPECT_FALSE(at.commit(at_once)) << "decided before the operator's word";
    EXPECT_EQ(refusal(fence(at, "MEMBER1", "MEMBER2")), ErrorCode::kMemberInMaintenance);
    EXPECT_TRUE(at.commit(fence(at, "MEMBER1", "MEMBER3")));
    EXPECT_EQ(refusal(decide_maintenance_on(at.state(), member("MEMBER3"), kWord)), ErrorCode::kFenceOpen);
    ASSERT_TRUE(at.commit(decide_maintenance_off(at.state(), member("MEMBER2"))));
    EXPECT_TRUE(at.commit(fence(at, "MEMBER1", "MEMBER2")));
}

TEST(MemberRules, leaving_with_a_guest_is_refused) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").running("g", "MEMBER1", "r1").relocating("g", "MEMBER2", "r2");
    EXPECT_EQ(refusal(decide_left(at.state(), at.life("MEMBER1"))), ErrorCode::kMemberHasGuests);
    EXPECT_EQ(refusal(decide_left(at.state(), at.life("MEMBER2"))), ErrorCode::kMemberHasGuests);
    at.commit(decide_done(at.state(), guest("g"), RunId("r2")));
    at.commit(decide_leaving(at.state(), at.life("MEMBER1")));
    EXPECT_EQ(refusal(decide_begin_relocation(at.state(), guest("g"), member("MEMBER1"), RunId("r3"))),
              ErrorCode::kMemberNotJoined);
    EXPECT_TRUE(at.commit(decide_left(at.state(), at.life("MEMBER1"))));
    EXPECT_TRUE(changes_nothing(decide_left(at.state(), at.life("MEMBER1")))) << "it finds its own earlier commit";
}

class Watching : public testing::Test {
  protected:
    Watching() { at_.joined("MEMBER1").joined("MEMBER2").joined("MEMBER3"); }
    /// Our beats go on for a time; those of `beating` too.
    void pass(std::chrono::milliseconds time, const std::vector<std::string>& beating) {
        for (auto passed = 0ms; passed < time; passed += 500ms) {
            now_ += 500ms;
            for (const auto& name : beating) at_.beat(name);
            watch_.look(at_.state(), now_);
        }
    }
    StateBuilder at_;
    PeerWatch watch_{member("MEMBER1"), TimingConfig{}};
    BootTime now_{};
};

TEST_F(Watching, who_stands_still_for_the_silence_is_silent) {
    pass(2000ms, {"MEMBER2", "MEMBER3"});
    pass(2500ms, {"MEMBER3"});
    EXPECT_TRUE(watch_.silent().empty());
    pass(1000ms, {"MEMBER3"});
    EXPECT_EQ(watch_.silent(), std::set{member("MEMBER2")});
    pass(500ms, {"MEMBER2", "MEMBER3"});
    EXPECT_TRUE(watch_.silent().empty());
}

TEST_F(Watching, a_sign_newer_than_our_last_look_is_no_standing_still_SAFETY_15) {
    pass(500ms, {"MEMBER2", "MEMBER3"});
    pass(4000ms, {"MEMBER3"});
    EXPECT_TRUE(watch_.stands_still(at_.state(), member("MEMBER2"), now_));
    at_.beat("MEMBER2");
    EXPECT_FALSE(watch_.stands_still(at_.state(), member("MEMBER2"), now_));
}

/// The same with a PDR, over which our guard passes once for each beat.
class WatchingWithPdr : public Watching {
  protected:
    struct Slots {
        std::vector<std::string> moving;
        bool fresh = true;
    };
    void pass(std::chrono::milliseconds time, const std::vector<std::string>& beating, const Slots& slots) {
        for (auto passed = 0ms; passed < time; passed += 500ms) {
            for (const auto& name : slots.moving) ++counters_[name];
            PdrPass one{slots.fresh, {}, ""};
            for (const auto& [name, counter] : counters_) one.slots.push_back({member(name.c_str()), {}, counter});
            pdr_.look(one, now_ + 500ms);
            for (const auto& name : beating) at_.beat(name);
            now_ += 500ms;
            both_.look(at_.state(), now_);
        }
    }
    const std::vector<std::string> others_{"MEMBER2", "MEMBER3"};
    std::map<std::string, std::uint64_t> counters_{{"MEMBER2", 7}, {"MEMBER3", 7}};
    PdrWatch pdr_{3000ms, 500ms};
    PeerWatch both_{member("MEMBER1"), TimingConfig{}, &pdr_};
};

TEST_F(WatchingWithPdr, who_is_not_heard_but_moves_its_slot_is_not_silent_R4) {
    pass(2000ms, others_, {others_});
    pass(20000ms, {"MEMBER3"}, {others_});
    EXPECT_EQ(both_.unheard(), std::set{member("MEMBER2")});
    EXPECT_TRUE(both_.silent().empty());
    EXPECT_FALSE(both_.stands_still(at_.state(), member("MEMBER2"), now_))
        << "nor is the operator believed (SAFETY 15)";
    pass(2000ms, {"MEMBER3"}, {{"MEMBER3"}});
    EXPECT_EQ(both_.silent(), std::set{member("MEMBER2")});
}

TEST_F(WatchingWithPdr, of_a_refused_member_the_slot_alone_says_whether_it_is_there_SAFETY_15) {
    at_.down("MEMBER2");
    ASSERT_TRUE(at_.commit(decide_isolated(at_.state(), member("MEMBER2"), "another file")));
    pass(4000ms, {"MEMBER3"}, {others_});
    EXPECT_FALSE(both_.may_be_set_down(at_.state(), member("MEMBER2"), now_));
    EXPECT_FALSE(both_.may_be_set_down(at_.state(), member("MEMBER3"), now_)) << "of all others both";
    pass(3000ms, {"MEMBER3"}, {{"MEMBER3"}});
    EXPECT_TRUE(both_.may_be_set_down(at_.state(), member("MEMBER2"), now_));
    EXPECT_FALSE(both_.stands_still(at_.state(), member("MEMBER2"), now_)) << "as far as fencing is concerned";
}

TEST_F(WatchingWithPdr, three_beats_without_either_sign_are_enough_to_fence_SAFETY_14) {
    pass(2000ms, others_, {others_});
    pass(1000ms, {"MEMBER3"}, {{"MEMBER3"}});
    EXPECT_TRUE(both_.silent().empty());
    pass(500ms, {"MEMBER3"}, {{"MEMBER3"}});
    EXPECT_EQ(both_.silent(), std::set{member("MEMBER2")});
    EXPECT_FALSE(both_.stands_still(at_.state(), member("MEMBER2"), now_)) << "the operator's word needs `silence`";
}

TEST_F(WatchingWithPdr, looking_again_sees_a_sign_but_is_no_beat_of_our_own) {
    pass(2000ms, others_, {others_});
    for (auto passed = 0ms; passed < 5000ms; passed += 500ms) {
        ++counters_["MEMBER3"];
        pdr_.look({true, {{member("MEMBER2"), {}, 99}, {member("MEMBER3"), {}, counters_["MEMBER3"]}}, ""},
                  now_ + passed);
        both_.look_again(at_.state(), now_ + passed);
    }
    EXPECT_TRUE(both_.silent().empty());
    now_ += 5000ms;
    at_.beat("MEMBER2");
    both_.look_again(at_.state(), now_);
    EXPECT_EQ(both_.age(member("MEMBER2"), now_), 0ms);
}

TEST_F(WatchingWithPdr, passes_that_are_not_fresh_prove_nothing_SAFETY_5) {
    pass(2000ms, others_, {others_});
    pass(20000ms, {"MEMBER3"}, {{}, false});
    EXPECT_EQ(both_.unheard(), std::set{member("MEMBER2")});
    EXPECT_TRUE(both_.silent().empty());
    EXPECT_TRUE(both_.stands_still(at_.state(), member("MEMBER2"), now_)) << "the operator may say what the PDR cannot";
    pass(1000ms, {"MEMBER3"}, {{"MEMBER3"}});
    EXPECT_TRUE(both_.silent().empty()) << "the time before counts for nothing";
    pass(1000ms, {"MEMBER3"}, {{"MEMBER3"}});
    EXPECT_EQ(both_.silent(), std::set{member("MEMBER2")});
}

TEST_F(WatchingWithPdr, who_never_wrote_a_slot_stands_still) {
    counters_.erase("MEMBER2");
    pass(2000ms, others_, {{"MEMBER3"}});
    pass(2000ms, {"MEMBER3"}, {{"MEMBER3"}});
    EXPECT_EQ(both_.silent(), std::set{member("MEMBER2")});
}

TEST_F(Watching, after_a_gap_of_our_own_nothing_is_known_until_it_was_seen_anew_R4) {
    pass(2000ms, {"MEMBER2", "MEMBER3"});
    pass(3500ms, {"MEMBER3"});
    EXPECT_TRUE(watch_.is_silent(member("MEMBER2"), now_));
    EXPECT_TRUE(watch_.stands_still(at_.state(), member("MEMBER2"), now_));
    now_ += 60s;  // we stood still; the mirror of the state is as it was
    EXPECT_FALSE(watch_.is_silent(member("MEMBER2"), now_));
    EXPECT_FALSE(watch_.stands_still(at_.state(), member("MEMBER2"), now_));
    pass(2500ms, {"MEMBER3"});
    EXPECT_FALSE(watch_.is_silent(member("MEMBER2"), now_));
    pass(1000ms, {"MEMBER3"});
    EXPECT_TRUE(watch_.is_silent(member("MEMBER2"), now_));
}

TEST_F(Watching, time_in_which_we_had_no_majority_does_not_count_R4) {
    pass(2000ms, {"MEMBER2", "MEMBER3"});
    now_ += 60s;
    watch_.look(at_.state(), now_);
    EXPECT_TRUE(watch_.silent().empty());
}

TEST_F(Watching, who_was_never_seen_alive_is_given_time_to_boot) {
    pass(59000ms, {"MEMBER3"});
    EXPECT_TRUE(watch_.silent().empty());
    pass(2000ms, {"MEMBER3"});
    EXPECT_EQ(watch_.silent(), std::set{member("MEMBER2")});
}

TEST_F(Watching, the_first_member_that_is_not_silent_acts) {
    pass(2000ms, {"MEMBER2", "MEMBER3"});
    EXPECT_TRUE(watch_.is_coordinator(at_.state()));
    PeerWatch third(member("MEMBER3"), TimingConfig{});
    EXPECT_FALSE(third.is_coordinator(at_.state()));
    at_.down("MEMBER1").down("MEMBER2");
    EXPECT_TRUE(third.is_coordinator(at_.state()));
}

// SAFETY 2: only the proved dead give their seats away.
TEST(MemberRules, voters_are_gone_only_when_down) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").joined("MEMBER3").joined("MEMBER4").down("MEMBER4");
    ASSERT_TRUE(at.commit(fence(at, "MEMBER1", "MEMBER3")));
    SystemConfig config;
    for (int number = 1; number <= 5; ++number)
        config.members.push_back({member("MEMBER" + std::to_string(number)), MemberSlot::from(number).value(), ""});
    const auto candidates = voter_candidates(config, at.state(), {member("MEMBER2")});
    ASSERT_EQ(candidates.size(), 5U);
    EXPECT_EQ(candidates[0].standing, VoterStanding::kLive);
    EXPECT_EQ(candidates[1].standing, VoterStanding::kUnknown) << "silent";
    EXPECT_EQ(candidates[2].standing, VoterStanding::kUnknown) << "being fenced";
    EXPECT_EQ(candidates[3].standing, VoterStanding::kGone);
    EXPECT_EQ(candidates[4].standing, VoterStanding::kUnknown) << "never seen";
}

}  // namespace
}  // namespace ssi::cluster
