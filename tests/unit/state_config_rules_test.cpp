// One configuration for all members: who may join with which, and when it becomes the cluster's.
#include <gtest/gtest.h>

#include "daemons/ssid/state/config_rules.hpp"
#include "tests/unit/state_builder.hpp"

namespace ssi::cluster {
namespace {

SharedConfig config(const std::string& text) {
    return {text, sha256_text(text)};
}
const SharedConfig kOld = config("timing.scale = 1\n");
const SharedConfig kNew = config("timing.scale = 2\n");

/// Says what a member runs with and has in its file.
void report(StateBuilder& cluster, const std::string& name, const SharedConfig& running, const SharedConfig& file) {
    cluster.commit(decide_config_report(cluster.state(), member(name), {running.hash, file.hash, ""}));
}

Result<Transaction> agreed(const StateBuilder& cluster, const std::string& by, const SharedConfig& running) {
    return decide_config_agreed(cluster.state(), member(by), running);
}

/// M1 and M2 are Joined, run with kOld, and have agreed on it.
StateBuilder two_that_agree() {
    StateBuilder cluster;
    cluster.joined("M1").joined("M2");
    report(cluster, "M1", kOld, kOld);
    report(cluster, "M2", kOld, kOld);
    cluster.commit(agreed(cluster, "M1", kOld));
    return cluster;
}

TEST(ClusterConfig, the_first_member_commits_what_it_runs_with) {
    StateBuilder cluster;
    EXPECT_TRUE(may_join_with(cluster.state(), member("M1"), kOld));
    EXPECT_TRUE(changes_nothing(agreed(cluster, "M1", kOld))) << "it is not Joined yet";
    cluster.joined("M1");
    EXPECT_TRUE(changes_nothing(agreed(cluster, "M1", kOld))) << "it has not said what it runs with";
    report(cluster, "M1", kOld, kOld);
    cluster.commit(agreed(cluster, "M1", kOld));
    ASSERT_NE(cluster.state().config(), nullptr);
    EXPECT_EQ(cluster.state().config()->generation, 1U);
    EXPECT_EQ(cluster.state().config()->text, kOld.text);
    EXPECT_TRUE(changes_nothing(agreed(cluster, "M1", kOld)));
}

TEST(ClusterConfig, who_differs_is_not_let_in_and_is_told_in_which_keys) {
    auto cluster = two_that_agree();
    EXPECT_TRUE(may_join_with(cluster.state(), member("M3"), kOld));
    const auto refused = may_join_with(cluster.state(), member("M3"), kNew);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kConfigDiffers);
    EXPECT_NE(refused.error().what.find("timing.scale is 2 here and 1 in the cluster"), std::string::npos)
        << refused.error().what;
}

TEST(ClusterConfig, who_is_alone_differs_from_nobody) {
    auto cluster = two_that_agree();
    cluster.down("M1").down("M2");
    EXPECT_TRUE(may_join_with(cluster.state(), member("M1"), kNew)) << "all were shut down and got another file";
    cluster.joined("M1");
    report(cluster, "M1", kNew, kNew);
    cluster.commit(agreed(cluster, "M1", kNew));
    EXPECT_EQ(cluster.state().config()->generation, 2U);
    EXPECT_FALSE(may_join_with(cluster.state(), member("M2"), kOld));
}

TEST(ClusterConfig, who_missed_a_push_does_not_bring_the_old_file_back_by_being_first) {
    auto cluster = two_that_agree();
    cluster.down("M1");
    report(cluster, "M2", kNew, kNew);
    cluster.commit(decide_config(cluster.state(), member("M2"), kNew, false));
    cluster.down("M2");
    const auto stale = may_join_with(cluster.state(), member("M1"), kOld);
    ASSERT_FALSE(stale);
    EXPECT_EQ(stale.error().code, ErrorCode::kConfigDiffers);
    EXPECT_FALSE(may_join_with(cluster.state(), member("M3"), kOld)) << "nobody knows where its file comes from";
    EXPECT_TRUE(may_join_with(cluster.state(), member("M2"), kNew));
    EXPECT_TRUE(may_join_with(cluster.state(), member("M1"), config("timing.scale = 3\n"))) << "a new one";
}

TEST(ClusterConfig, files_changed_by_hand_everywhere_before_all_boot_count) {
    auto cluster = two_that_agree();
    report(cluster, "M1", kOld, kNew);
    report(cluster, "M2", kOld, kNew);
    cluster.down("M1").down("M2");
    EXPECT_TRUE(may_join_with(cluster.state(), member("M1"), kNew));
}

TEST(ClusterConfig, who_comes_with_what_stands_in_every_file_is_let_in) {
    auto cluster = two_that_agree();
    report(cluster, "M1", kOld, kNew);
    EXPECT_FALSE(may_join_with(cluster.state(), member("M3"), kNew)) << "M2 has the old one";
    report(cluster, "M2", kOld, kNew);
    EXPECT_TRUE(may_join_with(cluster.state(), member("M3"), kNew)) << "nobody has pushed it";
}

TEST(ClusterConfig, a_file_that_was_changed_by_hand_counts_when_all_run_with_it) {
    auto cluster = two_that_agree();
    report(cluster, "M1", kNew, kNew);
    EXPECT_TRUE(changes_nothing(agreed(cluster, "M1", kNew))) << "M2 has the old one";
    report(cluster, "M2", kOld, kNew);
    EXPECT_TRUE(changes_nothing(agreed(cluster, "M1", kNew))) << "M2 does not run with it yet";
    report(cluster, "M2", kNew, kNew);
    cluster.commit(agreed(cluster, "M2", kNew));
    EXPECT_EQ(cluster.state().config()->hash, kNew.hash);
}

TEST(ClusterConfig, what_was_pushed_is_not_taken_back_while_members_still_run_with_the_old) {
    auto cluster = two_that_agree();
    report(cluster, "M1", kOld, kNew);
    report(cluster, "M2", kOld, kNew);
    cluster.commit(decide_config(cluster.state(), member("M1"), kNew, false));
    EXPECT_EQ(cluster.state().config()->hash, kNew.hash);
    EXPECT_TRUE(changes_nothing(agreed(cluster, "M1", kOld)));
    EXPECT_TRUE(changes_nothing(agreed(cluster, "M2", kOld)));
}

TEST(ClusterConfig, an_agreement_is_void_when_a_member_changes_its_mind_before_the_commit) {
    auto cluster = two_that_agree();
    report(cluster, "M1", kNew, kNew);
    report(cluster, "M2", kNew, kNew);
    const auto decided = agreed(cluster, "M1", kNew);
    report(cluster, "M2", kOld, kOld);
    EXPECT_FALSE(cluster.commit(decided)) << "what was looked at has changed";
}

TEST(ClusterConfig, only_who_is_joined_or_an_operator_with_force_pushes) {
    auto cluster = two_that_agree();
    EXPECT_EQ(refusal(decide_config(cluster.state(), member("M3"), kNew, false)), ErrorCode::kMemberNotJoined);
    EXPECT_TRUE(cluster.commit(decide_config(cluster.state(), member("M3"), kNew, true)));
    EXPECT_EQ(cluster.state().config()->by, member("M3"));
    EXPECT_TRUE(may_join_with(cluster.state(), member("M3"), kNew));
}

TEST(ClusterConfig, notes_say_what_an_administrator_should_do) {
    auto cluster = two_that_agree();
    EXPECT_EQ(config_note(cluster.state(), kOld, kOld), "");
    EXPECT_EQ(config_note(cluster.state(), kOld, std::nullopt), "has problems: ssictl config check");
    EXPECT_EQ(config_note(cluster.state(), kOld, kNew),
              "differs from the cluster's: timing.scale is 2 there and 1 in the cluster");
    cluster.commit(decide_config(cluster.state(), member("M1"), kNew, false));
    EXPECT_EQ(config_note(cluster.state(), kOld, kNew), "is not in effect yet: ssictl config reload");
}

TEST(ClusterConfig, survives_being_written_and_read) {
    const ClusterConfigRecord record{7, kOld.hash, "a = \"\u00fc\"\nb = 2\n", member("M1")};
    EXPECT_EQ(decode<ClusterConfigRecord>(encode(record)), record);
    const MemberConfigRecord mine{kOld.hash, "", "has problems"};
    EXPECT_EQ(decode<MemberConfigRecord>(encode(mine)), mine);
    EXPECT_FALSE(decode<ClusterConfigRecord>(R"({"v":1,"generation":1})"));
}

TEST(MemberChange, only_of_one_that_is_down_and_has_no_guests) {
    auto cluster = two_that_agree();
    EXPECT_EQ(may_change_member(cluster.state(), member("M2")).error().code, ErrorCode::kMemberAlive);
    cluster.running("a", "M2", "r1");
    cluster.down("M2");
    EXPECT_EQ(may_change_member(cluster.state(), member("M2")).error().code, ErrorCode::kMemberHasGuests)
        << "its guest has not been started elsewhere yet";
    EXPECT_TRUE(may_change_member(cluster.state(), member("M9"))) << "it was never here";
}

TEST(MemberChange, a_host_with_guests_is_not_booted_again) {
    auto cluster = two_that_agree();
    EXPECT_TRUE(may_reboot(cluster.state(), member("M2")));
    cluster.running("a", "M1", "r1").relocating("a", "M2", "r2");
    EXPECT_EQ(may_reboot(cluster.state(), member("M1")).error().code, ErrorCode::kMemberHasGuests);
    EXPECT_EQ(may_reboot(cluster.state(), member("M2")).error().code, ErrorCode::kMemberHasGuests) << "it is coming";
}

}  // namespace
}  // namespace ssi::cluster
