/// SAFETY 22: during a move the guest is resident on both; only the destination, or the proof of its death, ends it.

#include <gtest/gtest.h>

#include "tests/unit/state_builder.hpp"

namespace ssi::cluster {
namespace {

class Move : public testing::Test {
  protected:
    Move() {
        at_.joined("MEMBER1")
            .joined("MEMBER2")
            .joined("MEMBER3")
            .running("g", "MEMBER1", "r1")
            .relocating("g", "MEMBER2", "r2");
    }
    const ClusterState& state() { return at_.state(); }
    StateBuilder at_;
    const GuestName g_ = guest("g");
};

TEST_F(Move, while_open_the_guest_starts_nowhere) {
    for (const auto* name : {"MEMBER1", "MEMBER2", "MEMBER3"})
        EXPECT_EQ(refusal(at_.start("g", name, "r9")), ErrorCode::kGuestBusy);
    EXPECT_EQ(refusal(decide_begin_relocation(state(), g_, member("MEMBER3"), RunId("r3"))), ErrorCode::kGuestBusy);
}

TEST_F(Move, done_moves_the_residency_with_its_new_run) {
    ASSERT_TRUE(at_.commit(decide_done(state(), g_, RunId("r2"))));
    EXPECT_EQ(at_.residency("g")->home, at_.life("MEMBER2"));
    EXPECT_EQ(at_.residency("g")->run, RunId("r2"));
    EXPECT_TRUE(changes_nothing(decide_release(state(), g_, RunId("r1"))))
        << "the end of the source's QEMU releases nothing";
}

TEST_F(Move, abort_leaves_it_at_the_source_with_its_old_run) {
    ASSERT_TRUE(at_.commit(decide_abort(state(), g_, RunId("r2"))));
    EXPECT_EQ(at_.residency("g")->home, at_.life("MEMBER1"));
    EXPECT_EQ(at_.residency("g")->phase, Phase::kRunning);
    EXPECT_TRUE(changes_nothing(decide_done(state(), g_, RunId("r2")))) << "a late Done of an aborted move is void";
}

TEST_F(Move, of_done_and_abort_decided_on_one_state_only_one_commits) {
    const auto done = decide_done(state(), g_, RunId("r2"));
    const auto abort = decide_abort(state(), g_, RunId("r2"));
    EXPECT_TRUE(at_.commit(done));
    EXPECT_FALSE(at_.commit(abort));
}

TEST_F(Move, death_of_the_source_alone_starts_it_nowhere) {
    at_.down("MEMBER1");
    EXPECT_TRUE(changes_nothing(decide_orphan(state(), g_)));
    ASSERT_TRUE(at_.commit(decide_abort(state(), g_, RunId("r2")))) << "the destination says that it never ran there";
    ASSERT_TRUE(at_.commit(decide_orphan(state(), g_)));
    EXPECT_EQ(at_.residency("g")->phase, Phase::kPending);
}

TEST_F(Move, death_of_the_destination_leaves_the_word_to_the_source_R3) {
    at_.down("MEMBER2");
    EXPECT_TRUE(changes_nothing(decide_orphan(state(), g_))) << "it may have run there and written to its disks";
    ASSERT_TRUE(at_.commit(decide_abort(state(), g_, RunId("r2")))) << "the source never handed it over";
    EXPECT_EQ(at_.residency("g")->phase, Phase::kRunning);
    EXPECT_EQ(at_.residency("g")->home, at_.life("MEMBER1"));
}

TEST_F(Move, death_of_the_destination_restarts_what_the_source_has_ended) {
    at_.down("MEMBER2");
    ASSERT_TRUE(at_.commit(decide_release(state(), g_, RunId("r1"))));
    ASSERT_TRUE(at_.commit(decide_orphan(state(), g_)));
    EXPECT_EQ(at_.residency("g")->phase, Phase::kPending);
    EXPECT_EQ(at_.residency("g")->reason, "MEMBER2 is down");
}

TEST_F(Move, death_of_both_restarts_it_on_the_third) {
    at_.down("MEMBER1").down("MEMBER2");
    ASSERT_TRUE(at_.commit(decide_orphan(state(), g_)));
    EXPECT_EQ(at_.residency("g")->phase, Phase::kPending);
    EXPECT_EQ(at_.residency("g")->home, at_.life("MEMBER3"));
}

TEST_F(Move, the_end_of_the_sources_qemu_only_asks_the_destination) {
    ASSERT_TRUE(at_.commit(decide_release(state(), g_, RunId("r1"))));
    ASSERT_TRUE(at_.residency("g")->relocation);
    EXPECT_TRUE(at_.residency("g")->relocation->abort_requested);
    ASSERT_TRUE(at_.commit(decide_abort(state(), g_, RunId("r2"))));
    EXPECT_EQ(at_.residency("g"), nullptr) << "it ended in order, before it could move";
}

TEST_F(Move, a_source_that_lost_its_lease_only_asks_the_destination_too_but_the_guest_goes_on_elsewhere_R3) {
    ASSERT_TRUE(at_.commit(decide_lost(state(), g_, RunId("r1"), member("MEMBER1"))));
    ASSERT_TRUE(at_.residency("g")->relocation);
    EXPECT_TRUE(at_.residency("g")->relocation->abort_requested);
    EXPECT_TRUE(changes_nothing(decide_lost(state(), g_, RunId("r1"), member("MEMBER1")))) << "it is said already";
    EXPECT_TRUE(changes_nothing(decide_release(state(), g_, RunId("r1")))) << "it did not end by itself";
    ASSERT_TRUE(at_.commit(decide_abort(state(), g_, RunId("r2"))));
    EXPECT_EQ(at_.residency("g")->phase, Phase::kPending);
    EXPECT_EQ(at_.residency("g")->reason, "MEMBER1 lost its lease");
}

TEST_F(Move, targets_that_cannot_take_it_are_refused) {
    StateBuilder other;
    other.joined("MEMBER1").joined("MEMBER2").running("g", "MEMBER1", "r1");
    EXPECT_EQ(refusal(decide_begin_relocation(other.state(), g_, member("MEMBER1"), RunId("r2"))),
              ErrorCode::kGuestHereAlready);
    EXPECT_EQ(refusal(decide_begin_relocation(other.state(), g_, member("MEMBER3"), RunId("r2"))),
              ErrorCode::kMemberNotJoined);
    EXPECT_EQ(refusal(decide_begin_relocation(other.state(), guest("h"), member("MEMBER2"), RunId("r2"))),
              ErrorCode::kGuestNotRunning);
    other.down("MEMBER2");
    EXPECT_EQ(refusal(decide_begin_relocation(other.state(), g_, member("MEMBER2"), RunId("r2"))),
              ErrorCode::kMemberNotJoined);
}

}  // namespace
}  // namespace ssi::cluster
