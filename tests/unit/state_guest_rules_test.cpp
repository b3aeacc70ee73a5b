/// R1 in the pure rules: where a guest may start, who may release it, what becomes of it when its member dies.

#include <gtest/gtest.h>

#include "tests/unit/state_builder.hpp"

namespace ssi::cluster {
namespace {

TEST(GuestRules, second_start_is_refused_and_names_the_member_R1_R9) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").running("g", "MEMBER1", "r1");
    const auto second = at.start("g", "MEMBER2", "r2");
    EXPECT_EQ(refusal(second), ErrorCode::kGuestRunsElsewhere);
    EXPECT_EQ(second.error().what, "guest g runs on MEMBER1");
    EXPECT_EQ(second.error().remedy, "to move it here: ssictl relocate move g MEMBER2");
    EXPECT_EQ(refusal(at.start("g", "MEMBER1", "r2")), ErrorCode::kGuestBusy);
}

TEST(GuestRules, of_two_starts_decided_on_one_state_only_one_commits_R1) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2");
    const auto one = at.start("g", "MEMBER1", "r1");
    const auto other = at.start("g", "MEMBER2", "r2");
    EXPECT_TRUE(at.commit(one));
    EXPECT_FALSE(at.commit(other));
}

TEST(GuestRules, a_start_finds_its_own_earlier_commit) {
    StateBuilder at;
    at.joined("MEMBER1");
    ASSERT_TRUE(at.commit(at.start("g", "MEMBER1", "r1")));
    EXPECT_TRUE(changes_nothing(at.start("g", "MEMBER1", "r1")));
}

TEST(GuestRules, nothing_starts_on_a_member_that_is_down_or_being_fenced) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2");
    const auto decided_before = at.start("g", "MEMBER2", "r1");
    at.commit(decide_fence(at.state(),
                           {at.life("MEMBER1"), member("MEMBER2"), at.state().modified(alive_key(member("MEMBER2")))}));
    EXPECT_EQ(refusal(at.start("g", "MEMBER2", "r1")), ErrorCode::kMemberNotJoined);
    EXPECT_FALSE(at.commit(decided_before)) << "a start decided before the intent must not commit after it";
}

TEST(GuestRules, same_name_with_another_uuid_is_refused) {
    StateBuilder at;
    at.joined("MEMBER1").running("g", "MEMBER1", "r1");
    at.commit(decide_release(at.state(), guest("g"), RunId("r1")));
    auto other = kDefinition;
    other.uuid = GuestUuid::parse("11111111-2222-3333-4444-555555555599").value();
    EXPECT_EQ(refusal(decide_start(at.state(), {guest("g"), at.life("MEMBER1"), RunId("r2"), other})),
              ErrorCode::kGuestUuidDiffers);
}

TEST(GuestRules, one_uuid_never_runs_under_two_names_R1) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2");
    const auto renamed = [&] {
        return decide_start(at.state(), {guest("renamed"), at.life("MEMBER2"), RunId("r2"), kDefinition});
    };
    const auto at_once = renamed();
    at.running("g", "MEMBER1", "r1");
    EXPECT_EQ(refusal(renamed()), ErrorCode::kGuestUuidDiffers);
    EXPECT_FALSE(at.commit(at_once)) << "decided on the same state as the other start";
    at.commit(decide_release(at.state(), guest("g"), RunId("r1")));
    EXPECT_TRUE(at.commit(renamed()));
}

TEST(GuestRules, only_its_own_run_releases_a_guest_SAFETY_18) {
    StateBuilder at;
    at.joined("MEMBER1").running("g", "MEMBER1", "r1");
    EXPECT_TRUE(changes_nothing(decide_release(at.state(), guest("g"), RunId("r0"))));
    EXPECT_TRUE(changes_nothing(decide_release(at.state(), guest("g"), RunId(""))));
    ASSERT_TRUE(at.commit(decide_release(at.state(), guest("g"), RunId("r1"))));
    EXPECT_EQ(at.residency("g"), nullptr);
}

TEST(GuestRules, guests_of_a_dead_member_wait_for_the_one_with_the_fewest) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").joined("MEMBER3");
    at.running("a", "MEMBER1", "r1").running("b", "MEMBER2", "r2");
    at.down("MEMBER1");
    ASSERT_TRUE(at.commit(decide_orphan(at.state(), guest("a"))));
    EXPECT_EQ(at.residency("a")->phase, Phase::kPending);
    EXPECT_EQ(at.residency("a")->home, at.life("MEMBER3"));
    EXPECT_EQ(at.residency("a")->reason, "MEMBER1 is down");
    EXPECT_TRUE(changes_nothing(decide_orphan(at.state(), guest("b")))) << "MEMBER2 lives";
}

TEST(GuestRules, a_rebooted_member_is_a_new_life_and_its_old_guests_are_orphans) {
    StateBuilder at;
    at.joined("MEMBER1").running("g", "MEMBER1", "r1");
    EXPECT_TRUE(changes_nothing(decide_orphan(at.state(), guest("g"))));
    at.joined("MEMBER1");
    ASSERT_TRUE(at.commit(decide_orphan(at.state(), guest("g"))));
    EXPECT_EQ(at.residency("g")->phase, Phase::kPending);
    EXPECT_EQ(at.residency("g")->home, at.life("MEMBER1"));
}

TEST(GuestRules, restart_no_means_gone_with_its_member) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2");
    auto definition = kDefinition;
    definition.restart = false;
    at.commit(decide_start(at.state(), {guest("g"), at.life("MEMBER1"), RunId("r1"), definition}));
    at.down("MEMBER1");
    ASSERT_TRUE(at.commit(decide_orphan(at.state(), guest("g"))));
    EXPECT_EQ(at.residency("g"), nullptr);
}

TEST(GuestRules, a_failed_restart_is_passed_on_and_ends_after_some_attempts) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").joined("MEMBER3").running("g", "MEMBER1", "r1").down("MEMBER1");
    at.commit(decide_orphan(at.state(), guest("g")));
    for (int attempt = 1; attempt <= kMaxAttempts + 2; ++attempt) {
        const auto home = at.residency("g")->home;
        at.commit(decide_start_failed(at.state(), guest("g"), home, "no memory"));
        EXPECT_NE(at.residency("g")->home, home);
    }
    EXPECT_EQ(at.residency("g")->attempts, kMaxAttempts);
    EXPECT_EQ(at.residency("g")->reason, "no memory");
    EXPECT_TRUE(at.commit(at.start("g", "MEMBER2", "r2"))) << "an operator may start it anywhere";
}

TEST(GuestRules, a_pending_guest_is_placed_anew_when_its_member_dies_too) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").joined("MEMBER3").running("g", "MEMBER1", "r1").down("MEMBER1");
    at.commit(decide_orphan(at.state(), guest("g")));
    const auto first = at.residency("g")->home.member.str();
    at.down(first);
    ASSERT_TRUE(at.commit(decide_orphan(at.state(), guest("g"))));
    EXPECT_NE(at.residency("g")->home.member.str(), first);
}

}  // namespace
}  // namespace ssi::cluster
