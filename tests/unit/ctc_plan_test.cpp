// Which step comes next, by what is seen and the clock.
#include "daemons/isfcd/driver/ctc_plan.hpp"

#include <gtest/gtest.h>

#include <random>

namespace ssi::isfc {
namespace {

using namespace std::chrono_literals;
using Step = CtcStep;

/// An adapter that does what it is told, with a clock of its own.
class CtcPlanTest : public ::testing::Test {
  protected:
    CtcView view_;
    CtcPlan::Time now_{1h};
    double random_ = 0;

    CtcPlan plan(bool goes_first) {
        return {goes_first, CtcTimes{}, [this] { return random_; }};
    }
    CtcDecision decide(CtcPlan& plan) { return plan.decide(view_, now_); }
    void set_ready() {
        view_.device = {true, true, true, true, "ctc0"};
        view_.interface = {true, false, true, true, 0};
    }
    /// Lets the time pass that the plan asks for until it wants a step, at most so long; returns how long it took.
    std::chrono::milliseconds time_until(CtcPlan& plan, Step step, std::chrono::milliseconds at_most = 10min) {
        const auto begun = now_;
        for (auto next = decide(plan); next.step != step; next = decide(plan)) {
            EXPECT_EQ(next.step, Step::kNone);
            EXPECT_GT(next.look_again, 0ms);
            if (next.step != Step::kNone || now_ - begun > at_most) return -1ms;
            now_ += next.look_again;
        }
        return std::chrono::duration_cast<std::chrono::milliseconds>(now_ - begun);
    }
};

TEST_F(CtcPlanTest, steps_come_in_the_order_in_which_the_kernel_takes_them) {
    auto lower = plan(true);
    EXPECT_EQ(decide(lower).step, Step::kGroup);
    view_.device.grouped = true;
    EXPECT_EQ(decide(lower).step, Step::kSetProtocol);
    view_.device.protocol_fits = true;
    EXPECT_EQ(decide(lower).step, Step::kSetOnline);
    view_.device.online = true;
    EXPECT_EQ(decide(lower).step, Step::kNone);
    view_.interface.present = true;
    EXPECT_EQ(decide(lower).step, Step::kSetBuffer);
    view_.device.buffer_fits = true;
    EXPECT_EQ(decide(lower).step, Step::kSetMtu);
    view_.interface.mtu_fits = true;
    EXPECT_EQ(decide(lower).step, Step::kAddAddress);
    view_.interface.address_fits = true;
    EXPECT_EQ(decide(lower).step, Step::kBringUp);
}

TEST_F(CtcPlanTest, settings_that_need_it_take_a_found_device_down_first) {
    set_ready();
    view_.interface.up = true;
    auto lower = plan(true);
    view_.device.buffer_fits = false;
    EXPECT_EQ(decide(lower).step, Step::kTakeDown);
    view_.device.protocol_fits = false;
    EXPECT_EQ(decide(lower).step, Step::kTakeDown);
    view_.interface.up = false;
    EXPECT_EQ(decide(lower).step, Step::kSetOffline);
}

TEST_F(CtcPlanTest, lower_slot_comes_up_at_once_and_the_higher_follows) {
    set_ready();
    auto lower = plan(true);
    EXPECT_EQ(time_until(lower, Step::kBringUp), 0ms);
    auto higher = plan(false);
    EXPECT_EQ(time_until(higher, Step::kBringUp), 8s);
    random_ = 0.9;
    auto later = plan(false);
    EXPECT_EQ(time_until(later, Step::kBringUp), 11'600ms);
}

TEST_F(CtcPlanTest, without_a_handshake_both_go_down_and_up_again_the_higher_more_often) {
    for (const bool goes_first : {true, false}) {
        set_ready();
        view_.interface.up = true;
        auto one = plan(goes_first);
        EXPECT_EQ(time_until(one, Step::kTakeDown), goes_first ? 30s : 14s);
        view_.interface.up = false;
        EXPECT_EQ(time_until(one, Step::kBringUp), goes_first ? 1s : 6s);
        view_.interface.up = true;
        random_ = 0.5;
        EXPECT_EQ(time_until(one, Step::kTakeDown), goes_first ? 37'500ms : 17'500ms);
        random_ = 0;
    }
}

TEST_F(CtcPlanTest, packets_that_arrive_show_that_the_adapter_carries) {
    set_ready();
    view_.interface.up = true;
    auto one = plan(false);
    for (int i = 0; i < 10; ++i) {
        ++view_.interface.received;
        EXPECT_EQ(decide(one).step, Step::kNone);
        now_ += 13s;
    }
    EXPECT_EQ(time_until(one, Step::kTakeDown), 1s);
}

TEST_F(CtcPlanTest, handshake_is_the_end_of_all_steps) {
    set_ready();
    view_.interface.up = true;
    view_.carries = true;
    auto one = plan(false);
    EXPECT_EQ(time_until(one, Step::kTakeDown, 1h), -1ms);
}

TEST_F(CtcPlanTest, channel_that_breaks_has_the_whole_time_to_come_back_by_itself) {
    set_ready();
    view_.interface.up = true;
    auto one = plan(false);
    (void)decide(one);
    now_ += 13s;
    view_.carries = true;
    (void)decide(one);
    view_.carries = false;
    EXPECT_EQ(time_until(one, Step::kTakeDown), 14s);
}

TEST_F(CtcPlanTest, refused_step_is_tried_again_more_and_more_seldom) {
    auto lower = plan(true);
    for (const auto pause : {2s, 4s, 8s, 16s, 30s, 30s}) {
        EXPECT_EQ(decide(lower).step, Step::kGroup);
        lower.ended(false, now_);
        EXPECT_EQ(time_until(lower, Step::kGroup), pause);
    }
    lower.ended(true, now_);
    view_.device.grouped = true;
    EXPECT_EQ(decide(lower).step, Step::kSetProtocol);
    lower.ended(false, now_);
    EXPECT_EQ(time_until(lower, Step::kSetProtocol), 2s);
}

TEST_F(CtcPlanTest, obstacle_is_looked_at_again_and_nothing_done) {
    view_.obstacle = true;
    auto lower = plan(true);
    EXPECT_EQ(decide(lower).step, Step::kNone);
    EXPECT_EQ(decide(lower).look_again, CtcTimes{}.look);
}

TEST_F(CtcPlanTest, device_that_comes_back_begins_anew) {
    set_ready();
    view_.interface.up = true;
    view_.carries = true;
    auto higher = plan(false);
    (void)decide(higher);
    view_ = {};
    EXPECT_EQ(decide(higher).step, Step::kGroup);
    set_ready();
    EXPECT_EQ(time_until(higher, Step::kBringUp), 8s);
}

/// One of two adapters that are both ready and wait for their handshake.
struct Side {
    Side(bool goes_first, CtcPlan::Time start, const std::function<double()>& random)
        : plan(goes_first, CtcTimes{}, random), next(start), since(start) {}
    void run(CtcPlan::Time now) {
        CtcView view;
        view.device = {true, true, true, true, "ctc0"};
        view.interface = {true, up, true, true, 0};
        const auto decision = plan.decide(view, now);
        next = now + std::max(decision.look_again, 1ms);
        if (decision.step == CtcStep::kNone) return;
        up = decision.step == CtcStep::kBringUp;
        since = now;
        plan.ended(true, now);
    }
    CtcPlan plan;
    CtcPlan::Time next;
    bool up = false;
    CtcPlan::Time since;
};

/// As measured, two ctcm understand each other when one comes up while the other has been up for some seconds (its
/// timers of 5 s are quiet then) and both stay up for some seconds.
bool understand_each_other(const Side& one, const Side& other, CtcPlan::Time now) {
    return one.up && other.up && std::chrono::abs(one.since - other.since) >= 4s &&
           now - std::max(one.since, other.since) >= 10s;
}

TEST_F(CtcPlanTest, two_sides_meet_within_two_minutes_whichever_began_first) {
    std::mt19937 engine(1);
    const auto random = [&] { return std::uniform_real_distribution<double>(0, 1)(engine); };
    for (int run = 0; run < 500; ++run) {
        const auto begun = now_;
        const std::chrono::milliseconds late(30 * (run / 2));
        Side lower(true, begun + (run % 2 == 0 ? late : 0ms), random);
        Side higher(false, begun + (run % 2 == 1 ? late : 0ms), random);
        while (!understand_each_other(lower, higher, now_)) {
            auto& side = lower.next <= higher.next ? lower : higher;
            now_ = side.next;
            side.run(now_);
            ASSERT_LT(now_ - begun, 2min) << "run " << run;
        }
    }
}

}  // namespace
}  // namespace ssi::isfc
