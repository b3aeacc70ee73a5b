#include <gtest/gtest.h>

#include "daemons/isfcd/link/session_agreement.hpp"

namespace ssi::isfc {
namespace {

using enum SessionAgreement::Verdict;

TEST(SessionAgreement, first_channel_begins_and_others_join) {
    SessionAgreement session(1);
    EXPECT_EQ(session.judge(1, 20, false), kRestart);
    EXPECT_EQ(session.judge(1, 20, true), kJoin);
}

TEST(SessionAgreement, restarted_peer_begins_anew) {
    SessionAgreement session(1);
    (void)session.judge(1, 20, false);
    EXPECT_EQ(session.judge(1, 21, true), kRestart);
    EXPECT_EQ(session.peer(), 21U);
}

TEST(SessionAgreement, late_hello_of_a_dead_peer_is_refused_while_its_successor_is_here) {
    SessionAgreement session(1);
    (void)session.judge(1, 20, false);
    (void)session.judge(1, 21, true);
    EXPECT_EQ(session.judge(1, 20, true), kRefuse);
    EXPECT_EQ(session.judge(1, 21, true), kJoin);
}

TEST(SessionAgreement, peer_taken_for_dead_by_mistake_is_met_again_after_renewal) {
    SessionAgreement session(1);
    (void)session.judge(1, 20, false);
    (void)session.judge(1, 21, true);  // a late hello: 20 lives
    ASSERT_EQ(session.judge(1, 20, false), kRenew);
    session.renew(2);
    EXPECT_EQ(session.judge(2, 20, false), kRestart);
}

TEST(SessionAgreement, handshake_begun_before_renewal_is_refused) {
    SessionAgreement session(1);
    session.renew(2);
    EXPECT_EQ(session.judge(1, 20, false), kRefuse);
}

TEST(SessionAgreement, ended_peer_session_does_not_come_back) {
    SessionAgreement session(1);
    (void)session.judge(1, 20, false);
    session.peer_ended();
    EXPECT_EQ(session.peer(), 0U);
    EXPECT_EQ(session.judge(1, 20, false), kRenew);
}

}  // namespace
}  // namespace ssi::isfc
