/// R1 in the pure rules: where a guest may start, who may release it, what becomes of it when its member dies.

#include <gtest/gtest.h>

#include "daemons/ssid/state/record_keys.hpp"
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

TEST(GuestRules, guests_of_a_member_in_maintenance_wait_for_its_end) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").running("g", "MEMBER1", "r1");
    at.in_maintenance("MEMBER1").down("MEMBER1");
    EXPECT_TRUE(changes_nothing(decide_orphan(at.state(), guest("g"))));
    EXPECT_EQ(refusal(at.start("g", "MEMBER2", "r2")), ErrorCode::kMemberInMaintenance);
    ASSERT_TRUE(at.commit(decide_maintenance_off(at.state(), member("MEMBER1"))));
    ASSERT_TRUE(at.commit(decide_orphan(at.state(), guest("g"))));
    EXPECT_EQ(at.residency("g")->home, at.life("MEMBER2"));
}

TEST(GuestRules, nothing_is_placed_on_a_member_in_maintenance) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").joined("MEMBER3").running("g", "MEMBER1", "r1").down("MEMBER1");
    const auto at_once = decide_orphan(at.state(), guest("g"));
    at.in_maintenance("MEMBER2");
    EXPECT_FALSE(at.commit(at_once)) << "decided before the operator's word";
    ASSERT_TRUE(at.commit(decide_orphan(at.state(), guest("g"))));
    EXPECT_EQ(at.residency("g")->home, at.life("MEMBER3"));
    at.in_maintenance("MEMBER3");
    EXPECT_TRUE(changes_nothing(decide_orphan(at.state(), guest("g")))) << "nobody may take it: it stays Pending";
    ASSERT_TRUE(at.commit(decide_maintenance_off(at.state(), member("MEMBER2"))));
    ASSERT_TRUE(at.commit(decide_orphan(at.state(), guest("g")))) << "and goes on to one that may";
    EXPECT_EQ(at.residency("g")->home, at.life("MEMBER2"));
    EXPECT_TRUE(at.commit(at.start("g", "MEMBER3", "r2"))) << "its administrator may start it anywhere";
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

TEST(Placement, goes_by_memory_and_counts_what_was_promised) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").joined("MEMBER3");
    at.running("a", "MEMBER1", "r1").running("b", "MEMBER1", "r2").running("c", "MEMBER1", "r3");
    at.running("d", "MEMBER3", "r4");
    at.free_memory("MEMBER2", 1500).free_memory("MEMBER3", 2700).down("MEMBER1");
    for (const auto* name : {"a", "b", "c"}) at.commit(decide_orphan(at.state(), guest(name)));
    EXPECT_EQ(at.residency("a")->home.member, member("MEMBER3")) << "2700 left there, 1500 here";
    EXPECT_EQ(at.residency("b")->home.member, member("MEMBER3")) << "1700 left there";
    EXPECT_EQ(at.residency("c")->home.member, member("MEMBER2")) << "700 left there: it needs 1000";
}

TEST(Placement, without_memory_anywhere_takes_the_member_with_the_most) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").joined("MEMBER3").running("a", "MEMBER1", "r1");
    at.free_memory("MEMBER2", 100).free_memory("MEMBER3", 500).down("MEMBER1");
    at.commit(decide_orphan(at.state(), guest("a")));
    EXPECT_EQ(at.residency("a")->home.member, member("MEMBER3"));
}

TEST(Placement, follows_the_preference_while_the_member_can_take_it) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").joined("MEMBER3");
    at.running("a", "MEMBER1", "r1").running("b", "MEMBER1", "r2");
    at.free_memory("MEMBER2", 1500).free_memory("MEMBER3", 9000);
    at.policy("a", {true, {member("MEMBER2")}, 0, 3}).policy("b", {true, {member("MEMBER2")}, 0, 3}).down("MEMBER1");
    at.commit(decide_orphan(at.state(), guest("a")));
    at.commit(decide_orphan(at.state(), guest("b")));
    EXPECT_EQ(at.residency("a")->home.member, member("MEMBER2"));
    EXPECT_EQ(at.residency("b")->home.member, member("MEMBER3")) << "a took what MEMBER2 had";
    at.commit(decide_start_failed(at.state(), guest("a"), at.residency("a")->home, "no disk"));
    EXPECT_EQ(at.residency("a")->home.member, member("MEMBER3")) << "where it failed it is not tried again at once";
}

TEST(Placement, memory_is_published_coarsely_and_ends_with_its_life) {
    StateBuilder at;
    at.joined("MEMBER1").free_memory("MEMBER1", 5000);
    EXPECT_TRUE(changes_nothing(decide_capacity(at.state(), at.life("MEMBER1"), 5000 + kCoarseMib)));
    EXPECT_TRUE(at.commit(decide_capacity(at.state(), at.life("MEMBER1"), 5001 + kCoarseMib)));
    at.running("a", "MEMBER1", "r1");
    ASSERT_TRUE(at.commit(decide_capacity(at.state(), at.life("MEMBER1"), 5001 + kCoarseMib)));
    EXPECT_EQ(at.state().capacity(at.life("MEMBER1"))->guests_mib, 1000);
    at.joined("MEMBER1");
    EXPECT_EQ(at.state().capacity(at.life("MEMBER1")), nullptr);
}

TEST(RestartPolicy, of_the_operator_counts_before_the_definitions) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").running("a", "MEMBER1", "r1").policy("a", {false, {}, 0, 3});
    at.down("MEMBER1");
    at.commit(decide_orphan(at.state(), guest("a")));
    EXPECT_EQ(at.residency("a"), nullptr);
    EXPECT_EQ(refusal(decide_policy(at.state(), guest("nobody"), {})), ErrorCode::kGuestUnknown);
}

TEST(RestartPolicy, a_policy_said_at_the_same_moment_is_seen) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").running("a", "MEMBER1", "r1").down("MEMBER1");
    const auto placed = decide_orphan(at.state(), guest("a"));
    at.policy("a", {false, {}, 0, 3});
    EXPECT_FALSE(at.commit(placed));
}

/// The guest's member dies, and it is started on another one.
void restart_once(StateBuilder& at, const std::string& run) {
    const auto dies = at.residency("a")->home.member.str();
    at.down(dies);
    at.commit(decide_orphan(at.state(), guest("a")));
    if (at.residency("a")->attempts < kMaxAttempts) at.running("a", at.residency("a")->home.member.str(), run);
    at.joined(dies);
}

TEST(RestartPolicy, a_guest_whose_members_die_again_and_again_is_stopped_at_its_limit) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").running("a", "MEMBER1", "r0").policy("a", {true, {}, 0, 2});
    restart_once(at, "r1");
    restart_once(at, "r2");
    EXPECT_EQ(at.residency("a")->phase, Phase::kRunning);
    restart_once(at, "r3");
    EXPECT_EQ(at.residency("a")->phase, Phase::kPending);
    EXPECT_EQ(at.residency("a")->attempts, kMaxAttempts) << "nobody tries it";
    EXPECT_NE(at.residency("a")->reason.find("after 2 restarts that did not last"), std::string::npos);
    at.running("a", "MEMBER2", "r4");
    EXPECT_EQ(at.residency("a")->restarts, 0) << "its operator starts it, and it counts anew";
}

TEST(RestartPolicy, a_guest_that_ran_long_enough_counts_anew) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").running("a", "MEMBER1", "r0");
    restart_once(at, "r1");
    EXPECT_EQ(at.residency("a")->restarts, 1);
    EXPECT_TRUE(changes_nothing(decide_settled(at.state(), guest("a"), RunId("r0")))) << "another run";
    ASSERT_TRUE(at.commit(decide_settled(at.state(), guest("a"), RunId("r1"))));
    EXPECT_EQ(at.residency("a")->restarts, 0);
    EXPECT_TRUE(changes_nothing(decide_settled(at.state(), guest("a"), RunId("r1"))));
}

}  // namespace
}  // namespace ssi::cluster
