/// The member that is alone (SAFETY 3): when it may say so, and that it lets others in only when it no longer does.

#include <gtest/gtest.h>

#include "daemons/ssid/membership/lone_watch.hpp"
#include "daemons/ssid/state/lone_rules.hpp"
#include "tests/unit/state_builder.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;

constexpr BootTime kNow{1000s};

StateBuilder alone() {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").down("MEMBER2");
    EXPECT_TRUE(at.commit(decide_lone(at.state(), at.life("MEMBER1"))));
    return at;
}

TEST(LoneRules, a_member_is_alone_when_all_others_are_down_and_nobody_joins) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2");
    EXPECT_EQ(refusal(decide_lone(at.state(), at.life("MEMBER1"))), ErrorCode::kConflict);
    at.down("MEMBER2").joining("MEMBER3");
    EXPECT_EQ(refusal(decide_lone(at.state(), at.life("MEMBER1"))), ErrorCode::kConflict);
    at.down("MEMBER3");
    ASSERT_TRUE(at.commit(decide_lone(at.state(), at.life("MEMBER1"))));
    EXPECT_EQ(*at.state().lone(), at.life("MEMBER1"));
    EXPECT_TRUE(changes_nothing(decide_lone(at.state(), at.life("MEMBER1")))) << "it finds its own earlier commit";
}

TEST(LoneRules, one_that_is_refused_for_another_reason_is_not_down) {
    StateBuilder at;
    at.joined("MEMBER1");
    ASSERT_TRUE(at.commit(decide_isolated(at.state(), member("MEMBER2"), "another file")));
    EXPECT_EQ(refusal(decide_lone(at.state(), at.life("MEMBER1"))), ErrorCode::kConflict)
        << "it would have to take it back as soon as the file is mended";
}

TEST(LoneRules, to_be_alone_and_to_admit_exclude_each_other_whoever_commits_first) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").down("MEMBER2");
    const auto lone = decide_lone(at.state(), at.life("MEMBER1"));
    const auto admission = decide_admission(at.state(), member("MEMBER2"));
    const auto first_admission = decide_admission(at.state(), member("MEMBER3"));
    auto other = at;
    ASSERT_TRUE(at.commit(lone));
    EXPECT_FALSE(at.commit(admission));
    EXPECT_FALSE(at.commit(first_admission)) << "nor one that has no record yet";
    ASSERT_TRUE(other.commit(admission));
    EXPECT_FALSE(other.commit(lone));
}

TEST(LoneRules, nobody_is_admitted_before_it_is_taken_back) {
    auto at = alone();
    EXPECT_EQ(refusal(decide_admission(at.state(), member("MEMBER2"))), ErrorCode::kChangeUnderWay);
    const auto words = may_join_beside_lone(at.state(), member("MEMBER2"), {}).error().text();
    EXPECT_NE(words.find("MEMBER1 is alone"), std::string::npos) << words;
    ASSERT_TRUE(at.commit(decide_not_lone(at.state(), at.life("MEMBER1"))));
    EXPECT_TRUE(changes_nothing(decide_not_lone(at.state(), at.life("MEMBER1"))));
    at.joined("MEMBER2");
    EXPECT_FALSE(is_alone(at.state(), at.life("MEMBER1")));
}

TEST(LoneRules, it_ends_with_the_life_that_said_so) {
    for (const bool dies : {true, false}) {
        auto at = alone();
        if (dies)
            at.down("MEMBER1");
        else
            ASSERT_TRUE(at.commit(decide_left(at.state(), at.life("MEMBER1"))));
        EXPECT_EQ(at.state().lone(), nullptr);
        at.joined("MEMBER2");
    }
    auto again = alone();
    again.joined("MEMBER1");
    EXPECT_EQ(again.state().lone(), nullptr) << "a new life has said nothing";
}

TEST(LoneRules, a_fenced_member_is_alone_no_more) {
    auto at = alone();
    const auto silent = at.life("MEMBER1");
    ASSERT_TRUE(at.commit(decide_admission(at.state(), member("MEMBER2"), {}, silent)));
    ASSERT_TRUE(at.commit(decide_joined(at.state(), at.life("MEMBER2"))));
    const auto seen = at.state().modified(alive_key(member("MEMBER1")));
    ASSERT_TRUE(at.commit(decide_fence(at.state(), {at.life("MEMBER2"), member("MEMBER1"), seen})));
    ASSERT_TRUE(at.commit(decide_dead(at.state(), member("MEMBER2"), member("MEMBER1"), "off")));
    EXPECT_EQ(at.state().lone(), nullptr);
}

TEST(LoneWatch, one_that_shows_no_sign_holds_nobody_up_after_a_while) {
    auto at = alone();
    LoneWatch watch(6s);
    EXPECT_EQ(watch.look(at.state(), kNow), std::nullopt);
    EXPECT_EQ(watch.look(at.state(), kNow + 5999ms), std::nullopt);
    at.beat("MEMBER1");
    EXPECT_EQ(watch.look(at.state(), kNow + 6s), std::nullopt) << "it lives";
    EXPECT_EQ(watch.look(at.state(), kNow + 12s), at.life("MEMBER1"));
    EXPECT_EQ(refusal(decide_admission(at.state(), member("MEMBER2"))), ErrorCode::kChangeUnderWay);
    ASSERT_TRUE(at.commit(decide_admission(at.state(), member("MEMBER2"), {}, watch.look(at.state(), kNow + 12s))));
    EXPECT_EQ(watch.look(StateBuilder().state(), kNow + 13s), std::nullopt);
}

}  // namespace
}  // namespace ssi::cluster
