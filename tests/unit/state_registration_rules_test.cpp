// When a member may register its key at the volumes (SAFETY 13 c): a key that was taken away never comes back by a host
// that merely went on where it stood still.
#include <gtest/gtest.h>

#include "daemons/ssid/state/registration_rules.hpp"
#include "tests/unit/state_builder.hpp"

namespace ssi::cluster {
namespace {

class RegistrationRules : public ::testing::Test {
  protected:
    RegistrationRules() { at.joined("M1").joined("M2").beat("M1").beat("M2"); }
    [[nodiscard]] Result<Transaction> intent() const {
        return decide_fence(at.state(), {at.life("M1"), member("M2"), at.state().modified(alive_key(member("M2")))});
    }
    void register_m2() {
        EXPECT_TRUE(at.commit(decide_registering(at.state(), at.life("M2"))));
        EXPECT_TRUE(at.commit(decide_registered(at.state(), at.life("M2"))));
    }
    StateBuilder at;
};

TEST_F(RegistrationRules, a_life_says_that_it_registers_before_it_does_and_when_it_has) {
    EXPECT_FALSE(settled_registration(at.state(), at.life("M2"))) << "it never has";
    EXPECT_TRUE(at.commit(decide_registering(at.state(), at.life("M2"))));
    EXPECT_FALSE(settled_registration(at.state(), at.life("M2"))) << "a command may be under way";
    EXPECT_TRUE(at.commit(decide_registered(at.state(), at.life("M2"))));
    EXPECT_TRUE(settled_registration(at.state(), at.life("M2")));
}

TEST_F(RegistrationRules, that_it_registers_is_committed_each_time_and_that_it_has_once) {
    EXPECT_TRUE(at.commit(decide_registering(at.state(), at.life("M2"))));
    EXPECT_FALSE(changes_nothing(decide_registering(at.state(), at.life("M2")))) << "its mirror may be old";
    EXPECT_TRUE(at.commit(decide_registered(at.state(), at.life("M2"))));
    EXPECT_TRUE(changes_nothing(decide_registered(at.state(), at.life("M2"))));
}

TEST_F(RegistrationRules, a_joining_member_registers_before_its_first_guest_comes) {
    at.joining("M3");
    EXPECT_TRUE(at.commit(decide_registering(at.state(), at.life("M3"))));
}

TEST_F(RegistrationRules, nobody_registers_who_is_being_fenced) {
    register_m2();
    ASSERT_TRUE(at.commit(intent()));
    EXPECT_EQ(refusal(decide_registering(at.state(), at.life("M2"))), ErrorCode::kFenceOpen);
    EXPECT_TRUE(settled_registration(at.state(), at.life("M2")));
}

TEST_F(RegistrationRules, of_an_intent_and_a_registration_at_one_time_one_alone_commits) {
    register_m2();
    const auto registering = decide_registering(at.state(), at.life("M2"));
    ASSERT_TRUE(at.commit(intent()));
    EXPECT_FALSE(at.commit(registering)) << "it was decided before the intent, and comes too late";
    EXPECT_TRUE(settled_registration(at.state(), at.life("M2")));
}

TEST_F(RegistrationRules, registration_that_was_under_way_when_the_intent_came_proves_nothing) {
    ASSERT_TRUE(at.commit(decide_registering(at.state(), at.life("M2"))));
    ASSERT_TRUE(at.commit(intent()));
    EXPECT_FALSE(settled_registration(at.state(), at.life("M2")));
}

TEST_F(RegistrationRules, a_preempted_member_that_thaws_after_its_verdict_registers_nothing) {
    register_m2();
    const auto old_life = at.life("M2");
    ASSERT_TRUE(at.commit(intent()));
    ASSERT_TRUE(at.commit(decide_dead(at.state(), member("M1"), member("M2"), "stopped")));
    EXPECT_EQ(refusal(decide_registering(at.state(), old_life)), ErrorCode::kDeclaredDead);
    EXPECT_EQ(refusal(decide_registered(at.state(), old_life)), ErrorCode::kDeclaredDead);
}

TEST_F(RegistrationRules, its_next_life_registers_and_the_record_of_the_old_one_says_nothing_of_it) {
    register_m2();
    at.down("M2").joined("M2");
    EXPECT_FALSE(settled_registration(at.state(), at.life("M2")));
    register_m2();
    EXPECT_TRUE(settled_registration(at.state(), at.life("M2")));
}

TEST_F(RegistrationRules, revision_moves_when_a_member_registers_again) {
    register_m2();
    const auto before = settled_registration(at.state(), at.life("M2"));
    register_m2();
    EXPECT_NE(settled_registration(at.state(), at.life("M2")), before);
}

}  // namespace
}  // namespace ssi::cluster
