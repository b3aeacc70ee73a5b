/// Who is admitted, who is dead (R4, SAFETY 12-15, 18), and who is silent in one member's eyes (SAFETY 5).

#include <gtest/gtest.h>

#include "daemons/ssid/membership/peer_watch.hpp"
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
    PeerWatch watch_{member("MEMBER1"), 3000ms, 500ms, 60000ms};
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
    PeerWatch both_{member("MEMBER1"), 3000ms, 500ms, 60000ms, &pdr_};
};

TEST_F(WatchingWithPdr, who_is_not_heard_but_moves_its_slot_is_not_silent_R4) {
    pass(2000ms, others_, {others_});
    pass(20000ms, {"MEMBER3"}, {others_});
    EXPECT_EQ(both_.unheard(), std::set{member("MEMBER2")});
    EXPECT_TRUE(both_.silent().empty());
    EXPECT_FALSE(both_.stands_still(at_.state(), member("MEMBER2"), now_))
        << "nor is the operator believed (SAFETY 15)";
    pass(4000ms, {"MEMBER3"}, {{"MEMBER3"}});
    EXPECT_EQ(both_.silent(), std::set{member("MEMBER2")});
}

TEST_F(WatchingWithPdr, passes_that_are_not_fresh_prove_nothing_SAFETY_5) {
    pass(2000ms, others_, {others_});
    pass(20000ms, {"MEMBER3"}, {{}, false});
    EXPECT_EQ(both_.unheard(), std::set{member("MEMBER2")});
    EXPECT_TRUE(both_.silent().empty());
    EXPECT_TRUE(both_.stands_still(at_.state(), member("MEMBER2"), now_)) << "the operator may say what the PDR cannot";
    pass(2500ms, {"MEMBER3"}, {{"MEMBER3"}});
    EXPECT_TRUE(both_.silent().empty()) << "the time before counts for nothing";
    pass(1500ms, {"MEMBER3"}, {{"MEMBER3"}});
    EXPECT_EQ(both_.silent(), std::set{member("MEMBER2")});
}

TEST_F(WatchingWithPdr, who_never_wrote_a_slot_stands_still) {
    counters_.erase("MEMBER2");
    pass(2000ms, others_, {{"MEMBER3"}});
    pass(4000ms, {"MEMBER3"}, {{"MEMBER3"}});
    EXPECT_EQ(both_.silent(), std::set{member("MEMBER2")});
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
    PeerWatch third(member("MEMBER3"), 3000ms, 500ms, 60000ms);
    EXPECT_FALSE(third.is_coordinator(at_.state()));
    at_.down("MEMBER1").down("MEMBER2");
    EXPECT_TRUE(third.is_coordinator(at_.state()));
}

}  // namespace
}  // namespace ssi::cluster
