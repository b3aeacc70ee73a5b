/// A guest whose memory is saved on one member starts there, with that memory, or without it when it was given up; and
/// never with memory that is older than its disks.
#include <gtest/gtest.h>

#include "daemons/ssid/state/saved_state_rules.hpp"
#include "tests/unit/state_builder.hpp"

namespace ssi::cluster {
namespace {

class SavedState : public ::testing::Test {
  protected:
    /// "g" was saved on MEMBER1.
    SavedState() {
        at_.joined("MEMBER1").joined("MEMBER2").running("g", "MEMBER1", "r1");
        at_.commit(decide_release(state(), g_, RunId("r1"), true));
    }
    const ClusterState& state() { return at_.state(); }
    bool may_be_restored_on(const std::string& name) {
        return may_restore(state(), g_, kUuid, member(name)).has_value();
    }

    StateBuilder at_;
    const GuestName g_ = guest("g");
};

TEST_F(SavedState, starts_where_it_is_and_nowhere_else) {
    EXPECT_EQ(at_.residency("g"), nullptr);
    const auto elsewhere = at_.start("g", "MEMBER2", "r2");
    EXPECT_EQ(refusal(elsewhere), ErrorCode::kStateSaved);
    EXPECT_TRUE(elsewhere.error().what.contains("saved on MEMBER1"));
    EXPECT_TRUE(may_be_restored_on("MEMBER1"));
    EXPECT_TRUE(at_.commit(at_.start("g", "MEMBER1", "r2")));
}

TEST_F(SavedState, is_void_once_the_guest_runs) {
    at_.running("g", "MEMBER1", "r2");
    EXPECT_EQ(state().saved(g_), nullptr);
    at_.commit(decide_release(state(), g_, RunId("r2")));
    EXPECT_FALSE(may_be_restored_on("MEMBER1")) << "an image that libvirt did not take away is older than r2";
    EXPECT_TRUE(at_.commit(at_.start("g", "MEMBER2", "r3")));
}

TEST_F(SavedState, outlives_a_restore_that_failed) {
    at_.commit(at_.start("g", "MEMBER1", "r2"));
    at_.commit(decide_release(state(), g_, RunId("r2"), true));
    ASSERT_NE(state().saved(g_), nullptr);
    EXPECT_TRUE(may_be_restored_on("MEMBER1"));
}

TEST_F(SavedState, that_was_given_up_is_never_restored) {
    ASSERT_TRUE(at_.commit(decide_discard(state(), g_)));
    EXPECT_FALSE(may_be_restored_on("MEMBER1"));
    at_.running("g", "MEMBER2", "r2");
    at_.commit(decide_release(state(), g_, RunId("r2")));
    EXPECT_FALSE(may_be_restored_on("MEMBER1"));
    EXPECT_EQ(refusal(decide_discard(state(), g_)), ErrorCode::kGuestUnknown);
}

TEST_F(SavedState, is_of_the_guest_and_not_of_its_name) {
    const auto other = GuestUuid::parse("99999999-2222-3333-4444-555555555501").value();
    EXPECT_FALSE(may_restore(state(), g_, other, member("MEMBER1")));
    EXPECT_TRUE(saved_state_lets_start(state(), g_, other, member("MEMBER2")));
}

TEST_F(SavedState, that_is_given_up_in_the_middle_of_a_start_has_it_decided_anew) {
    const auto start = at_.start("g", "MEMBER1", "r2");
    at_.commit(decide_discard(state(), g_));
    EXPECT_FALSE(at_.commit(start));
}

TEST(SavedBeforeTheCluster, a_guest_that_never_ran_in_it_is_restored_as_ever) {
    StateBuilder at;
    at.joined("MEMBER1");
    EXPECT_TRUE(may_restore(at.state(), guest("old"), kUuid, member("MEMBER1")));
}

}  // namespace
}  // namespace ssi::cluster
