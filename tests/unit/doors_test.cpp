/// A member whose libvirt does not ask our doors starts nothing new, and says so.
#include <gtest/gtest.h>

#include <deque>
#include <format>
#include <string>

#include "daemons/ssid/gate/door_test_guest.hpp"
#include "daemons/ssid/guests/door_test.hpp"
#include "tests/unit/joined_member.hpp"

namespace ssi::cluster {
namespace {

const Result<void> kStarted;
const Result<void> kRefusedByTheGuard = failure(ErrorCode::kNoRight, "was not admitted");
const Result<void> kLibvirtIsAway = failure(ErrorCode::kHypervisorFailed, "no connection");

TEST(JudgeDoors, only_a_hook_that_was_called_and_a_guard_that_refused_are_both_doors) {
    EXPECT_EQ(judge_doors(true, kRefusedByTheGuard), "");
    EXPECT_EQ(judge_doors(true, failure(ErrorCode::kDoorClosed, "no lease")), "") << "the guard lets nobody in at all";
    EXPECT_TRUE(judge_doors(true, kStarted)->contains("lock_manager"));
    EXPECT_TRUE(judge_doors(false, kRefusedByTheGuard)->contains("hook"));
    EXPECT_TRUE(judge_doors(false, kStarted)->contains("neither"));
}

TEST(JudgeDoors, who_does_not_answer_has_shown_nothing) {
    for (const bool called : {false, true}) {
        EXPECT_EQ(judge_doors(called, kLibvirtIsAway), std::nullopt);
        EXPECT_EQ(judge_doors(called, failure(ErrorCode::kTimedOut, "no answer")), std::nullopt);
        EXPECT_EQ(judge_doors(called, failure(ErrorCode::kNoMajority, "ssid does not answer")), std::nullopt)
            << "the hook itself refused";
    }
}

class OpenDoors : public ::testing::Test {
  protected:
    OpenDoors() { at_.joined("MEMBER1").joined("MEMBER2").running("g", "MEMBER1", "r1"); }
    void open(const std::string& member, const std::string& fault = "asks nobody") {
        at_.commit(decide_doors(at_.state(), at_.life(member), fault));
    }
    StateBuilder at_;
};

TEST_F(OpenDoors, let_nothing_new_in) {
    open("MEMBER1");
    const auto refused = at_.start("a", "MEMBER1", "r2");
    EXPECT_EQ(refusal(refused), ErrorCode::kDoorsOpen);
    EXPECT_TRUE(refused.error().what.contains("asks nobody"));
    EXPECT_TRUE(at_.commit(at_.start("a", "MEMBER2", "r2")));
}

TEST_F(OpenDoors, no_guest_moves_through_them) {
    open("MEMBER2");
    EXPECT_EQ(refusal(decide_begin_relocation(at_.state(), guest("g"), member("MEMBER2"), RunId("r2"))),
              ErrorCode::kDoorsOpen);
    open("MEMBER2", "");
    open("MEMBER1");
    EXPECT_EQ(refusal(decide_begin_relocation(at_.state(), guest("g"), member("MEMBER2"), RunId("r2"))),
              ErrorCode::kDoorsOpen)
        << "nothing would keep it from going on there";
}

TEST_F(OpenDoors, get_no_guest_of_a_dead_member) {
    at_.joined("MEMBER3");
    open("MEMBER2");
    at_.down("MEMBER1");
    ASSERT_TRUE(at_.commit(decide_orphan(at_.state(), guest("g"))));
    EXPECT_EQ(at_.residency("g")->home.member, member("MEMBER3"));
    open("MEMBER3");
    EXPECT_TRUE(changes_nothing(decide_orphan(at_.state(), guest("g")))) << "nobody can take it: it waits";
    open("MEMBER2", "");
    ASSERT_TRUE(at_.commit(decide_orphan(at_.state(), guest("g"))));
    EXPECT_EQ(at_.residency("g")->home.member, member("MEMBER2"));
}

TEST_F(OpenDoors, are_those_of_one_life) {
    open("MEMBER2");
    EXPECT_TRUE(changes_nothing(decide_doors(at_.state(), at_.life("MEMBER2"), "asks nobody")));
    at_.joined("MEMBER2");
    EXPECT_TRUE(at_.state().may_take_guests(at_.life("MEMBER2"))) << "another boot, another libvirt";
    open("MEMBER2");
    at_.down("MEMBER2");
    EXPECT_TRUE(changes_nothing(decide_doors(at_.state(), at_.life("MEMBER2"), ""))) << "it is Joined no more";
}

TEST_F(OpenDoors, found_in_the_middle_of_a_start_win_over_it) {
    const auto start = at_.start("a", "MEMBER1", "r2");
    open("MEMBER1");
    EXPECT_FALSE(at_.commit(start));
}

/// Libvirt as a list of what comes of each trial: whether it calls the hook, and how the start ends.
class DoorTestTest : public JoinedMember {
  protected:
    struct Trial {
        bool calls_the_hook;
        Result<void> start;
    };
    void SetUp() override {
        JoinedMember::SetUp();
        spawn(doors_.run());
    }
    [[nodiscard]] static HookRequest call_for(const std::string& uuid) {
        return {guest(std::string(gate::kDoorTestGuest)), "prepare", "begin",
                std::format("<domain><name>{}</name><uuid>{}</uuid></domain>", gate::kDoorTestGuest, uuid)};
    }
    boost::asio::awaitable<Result<void>> try_start(GuestUuid uuid) {
        ++trials_;
        auto trial = next_.front();
        if (next_.size() > 1) next_.pop_front();
        if (trial.calls_the_hook) {
            EXPECT_TRUE(doors_.hook(call_for(uuid.str())));
        }
        EXPECT_FALSE(doors_.hook(call_for(kUuid.str()))) << "of another trial";
        co_return trial.start;
    }
    void start_libvirt(std::deque<Trial> trials) {
        next_ = std::move(trials);
        doors_.libvirt_has_started();
    }
    [[nodiscard]] bool are_open() const { return view_.state().open_doors(*membership_.life()) != nullptr; }
    bool runs_until(auto condition) { return test::run_until(io_, condition); }

    std::deque<Trial> next_;
    int trials_ = 0;
    DoorTest doors_{membership_, view_, clock_, [this](GuestUuid uuid) { return try_start(std::move(uuid)); },
                    io_.get_executor()};
};

TEST_F(DoorTestTest, each_start_of_libvirt_is_tried_and_told) {
    start_libvirt({{true, kStarted}});
    ASSERT_TRUE(runs_until([this] { return are_open(); }));
    EXPECT_EQ(trials_, 1);
    start_libvirt({{true, kRefusedByTheGuard}});
    ASSERT_TRUE(runs_until([this] { return !are_open(); }));
    EXPECT_EQ(trials_, 2);
}

TEST_F(DoorTestTest, a_trial_that_shows_nothing_is_made_again_and_nothing_starts_meanwhile) {
    start_libvirt({{false, kLibvirtIsAway}, {true, kRefusedByTheGuard}});
    ASSERT_TRUE(runs_until([this] { return are_open(); }));
    EXPECT_TRUE(view_.state().open_doors(*membership_.life())->fault.contains("not known: no connection"));
    EXPECT_FALSE(doors_.are_asked());
    ASSERT_TRUE(runs_until([this] { return !are_open(); }));
    EXPECT_EQ(trials_, 2);
}

TEST_F(DoorTestTest, of_a_libvirt_that_has_gone_are_not_known) {
    EXPECT_FALSE(doors_.are_asked());
    start_libvirt({{true, kRefusedByTheGuard}});
    ASSERT_TRUE(runs_until([this] { return doors_.are_asked(); }));
    doors_.libvirt_has_gone();
    EXPECT_FALSE(doors_.are_asked());
    doors_.libvirt_has_started();
    EXPECT_FALSE(doors_.are_asked());
    ASSERT_TRUE(runs_until([this] { return doors_.are_asked(); }));
}

TEST_F(DoorTestTest, a_libvirt_that_hangs_in_a_trial_is_restarted) {
    int restarts = 0;
    doors_.restart_libvirt = [&]() -> boost::asio::awaitable<Result<void>> {
        ++restarts;
        start_libvirt({{true, kRefusedByTheGuard}});
        co_return Result<void>{};
    };
    start_libvirt({{false, failure(ErrorCode::kTimedOut, "no answer")}});
    ASSERT_TRUE(runs_until([this] { return doors_.are_asked(); }));
    EXPECT_EQ(restarts, 1);
}

TEST_F(DoorTestTest, nobody_else_starts_a_guest_under_that_name) {
    const auto refused = doors_.hook(call_for(kUuid.str()));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kNoRight);
}

}  // namespace
}  // namespace ssi::cluster
