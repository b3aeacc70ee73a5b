/// What ssictl query ssi --why says of a member (R9).

#include <gtest/gtest.h>

#include "daemons/ssid/api/evidence.hpp"
#include "tests/unit/state_builder.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;

class Why : public testing::Test {
  protected:
    Why() {
        at_.joined("MEMBER1").joined("MEMBER2").beat("MEMBER2");
        config_.members = {{member("MEMBER1"), *MemberSlot::from(1), "MEMBER1"},
                           {member("MEMBER2"), *MemberSlot::from(2), "MEMBER2"}};
        config_.pdr.device = "/dev/pdr";
        config_.fences = {fence(FenceMethod::kAgent)};
        evidence_.sight = {member("MEMBER1"), true, {}, {member("MEMBER2")}};
        evidence_.engine_age = 400ms;
        evidence_.pdr_age = 600ms;
        evidence_.pdr_readable = true;
        evidence_.slot =
            SlotSign{member("MEMBER2"), Incarnation{1}, 77, 5000ms, 5000ms, pdr::WatchdogKind::kHardware, true, false};
    }
    static FenceConfig fence(FenceMethod method) {
        FenceConfig fence;
        fence.name = "one";
        fence.method = method;
        return fence;
    }
    json::Object why(const std::string& name = "MEMBER2") const {
        return why_document(config_, at_.state(), member(name), evidence_);
    }
    std::string conclusion() const { return json::text(why(), "conclusion").value(); }
    void silent() {
        evidence_.sight.unheard = {member("MEMBER2")};
        evidence_.sight.slots_moving.clear();
        evidence_.engine_age = evidence_.pdr_age = 9500ms;
    }
    StateBuilder at_;
    SystemConfig config_;
    Evidence evidence_;
};

TEST_F(Why, says_by_whom_and_by_which_path_each_sign_was_seen) {
    const auto document = why();
    EXPECT_EQ(document.at("seen_by").as_string(), "MEMBER1");
    EXPECT_EQ(document.at("state").as_string(), "Joined");
    const auto& engine = document.at("engine").as_object();
    EXPECT_EQ(engine.at("last_moved_ms").as_int64(), 400);
    EXPECT_TRUE(engine.at("heard").as_bool());
    const auto& pdr = document.at("pdr").as_object();
    EXPECT_EQ(pdr.at("path").as_string(), "/dev/pdr");
    EXPECT_EQ(pdr.at("last_moved_ms").as_int64(), 600);
    EXPECT_EQ(json::unsigned_number(pdr.at("slot").as_object(), "counter").value(), 77U);
    EXPECT_EQ(pdr.at("slot").as_object().at("watchdog_kind").as_string(), "hardware");
    EXPECT_EQ(pdr.at("slot").as_object().at("dead_after_ms").as_int64(), 12'000);
    EXPECT_EQ(conclusion(), "its alive key moved 0.4 s ago");
    EXPECT_TRUE(document.at("last_verdict").is_null());
}

TEST_F(Why, of_a_suspended_member_is_that_its_slot_moves) {
    evidence_.sight.unheard = {member("MEMBER2")};
    evidence_.engine_age = 20s;
    EXPECT_EQ(conclusion(),
              "its alive key moved 20.0 s ago, but its slot on the PDR 0.6 s ago: it lives and cannot be reached");
}

TEST_F(Why, of_a_silent_member_says_what_comes_next) {
    silent();
    EXPECT_NE(conclusion().find("it is fenced as soon as both signs have stood still"), std::string::npos);
    evidence_.pdr_readable = false;
    EXPECT_NE(conclusion().find("the PDR cannot be read here"), std::string::npos);
    evidence_.pdr_readable = true;
    config_.fences = {fence(FenceMethod::kOperator)};
    EXPECT_NE(conclusion().find("no [[fence]] can prove that it is dead; if it is off for certain: ssictl member "
                                "set-down MEMBER2"),
              std::string::npos);
    at_.disarmed();
    EXPECT_NE(conclusion().find("it is not fenced, for fencing is disarmed, by root on MEMBER1"), std::string::npos);
    evidence_.sight.has_majority = false;
    EXPECT_NE(conclusion().find("this member has no majority"), std::string::npos);
}

TEST_F(Why, of_one_that_is_alone_says_that_time_proves_nothing) {
    silent();
    evidence_.slot->lone = true;
    EXPECT_NE(conclusion().find("it is fenced as soon as"), std::string::npos) << "by the agent";
    config_.fences = {fence(FenceMethod::kTime)};
    EXPECT_NE(conclusion().find("its slot says that it is alone: time proves nothing; if it is off"),
              std::string::npos);
    at_ = StateBuilder();
    evidence_.sight.has_majority = false;
    EXPECT_EQ(conclusion(),
              "the cluster's state was not read yet: its slot says that it is alone: time proves nothing; if it is off "
              "for certain: ssictl member set-down MEMBER2");
    EXPECT_EQ(why().at("state").as_string(), "Unknown") << "not Down: nobody knows";
}

TEST_F(Why, shows_what_was_recorded_without_a_majority) {
    EXPECT_TRUE(why().at("recorded").as_array().empty());
    pdr::Verdict verdict;
    verdict.member = member("MEMBER2");
    verdict.proof = pdr::ProofKind::kOperator;
    evidence_.recorded = {{*MemberSlot::from(1), verdict}};
    const auto recorded = why().at("recorded").as_array().at(0).as_object();
    EXPECT_EQ(recorded.at("by").as_string(), "MEMBER1");
    EXPECT_EQ(recorded.at("proof").as_string(), "the operator");
}

TEST_F(Why, shows_the_open_intent_and_the_last_verdict) {
    silent();
    at_.commit(decide_fence(
        at_.state(), {at_.life("MEMBER1"), member("MEMBER2"), at_.state().modified(alive_key(member("MEMBER2")))}));
    EXPECT_EQ(why().at("intent").as_object().at("by").as_string(), "MEMBER1");
    EXPECT_NE(conclusion().find("it is being fenced by MEMBER1"), std::string::npos);
    at_.commit(decide_dead(at_.state(), member("MEMBER1"), member("MEMBER2"), "fenced by MEMBER1 through ipmi"));
    EXPECT_EQ(conclusion(), "fenced by MEMBER1 through ipmi");
    at_.joined("MEMBER2");
    EXPECT_EQ(why().at("last_verdict").as_object().at("reason").as_string(), "fenced by MEMBER1 through ipmi");
    EXPECT_TRUE(why().at("intent").is_null());
}

TEST_F(Why, of_ourselves_without_a_majority_is_our_last_beat) {
    evidence_.sight.has_majority = false;
    evidence_.engine_age = 7s;
    EXPECT_EQ(json::text(why("MEMBER1"), "conclusion").value(),
              "no majority hears this member: its last beat was committed 7.0 s ago");
}

}  // namespace
}  // namespace ssi::cluster
