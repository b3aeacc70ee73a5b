// The lease of a member, its memory over a restart, and a supervisor's watchdog (SAFETY 5-8, 11).
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "daemons/ssid/gate/lease.hpp"
#include "daemons/ssid/gate/lease_file.hpp"
#include "daemons/ssid/gate/slot_word.hpp"
#include "daemons/ssid/gate/watchdog.hpp"
#include "tests/unit/gate_supervisor.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi::gate {
namespace {

using namespace std::chrono_literals;

constexpr BootTime kNow{1000s};

Lease held() {
    Lease lease(5s);
    lease.renew(kNow, kNow);
    return lease;
}

TEST(Lease, counts_from_before_the_submission_SAFETY_5) {
    Lease lease(5s);
    lease.renew(kNow, kNow + 3s);
    EXPECT_EQ(lease.deadline(), kNow + 5s);
    lease.renew(kNow - 2s, kNow + 3s);
    EXPECT_EQ(lease.deadline(), kNow + 5s) << "an older sign takes nothing away";
}

TEST(Lease, is_not_held_before_the_first_sign_nor_by_one_of_the_future_or_too_old) {
    Lease lease(5s);
    EXPECT_FALSE(lease.admits(kNow));
    lease.renew(kNow + 1s, kNow);
    EXPECT_FALSE(lease.deadline());
    lease.renew(kNow - 5s, kNow);
    EXPECT_FALSE(lease.deadline());
}

TEST(Lease, door_says_nothing_in_the_last_half_second_SAFETY_8) {
    const auto lease = held();
    EXPECT_TRUE(lease.admits(kNow + 4499ms));
    EXPECT_FALSE(lease.admits(kNow + 4500ms));
}

TEST(Lease, is_not_renewed_once_its_time_is_over_noticed_or_not_SAFETY_6) {
    auto lease = held();
    lease.renew(kNow + 5s, kNow + 5s);
    EXPECT_EQ(lease.deadline(), kNow + 5s) << "nobody has noticed yet";
    EXPECT_TRUE(lease.expire(kNow + 6s));
    EXPECT_FALSE(lease.expire(kNow + 6s)) << "once";
    lease.renew(kNow + 7s, kNow + 7s);
    EXPECT_FALSE(lease.admits(kNow + 7s));
    EXPECT_TRUE(lease.is_expired());
}

TEST(Lease, after_every_writer_is_gone_it_is_held_anew_in_another_generation) {
    auto lease = held();
    const auto generation = lease.generation();
    ASSERT_TRUE(lease.expire(kNow + 5s));
    lease.clear();
    lease.renew(kNow + 8s, kNow + 8s);
    EXPECT_TRUE(lease.admits(kNow + 8s));
    EXPECT_EQ(lease.generation(), generation + 1);
}

TEST(Lease, watchdog_is_fed_one_second_beyond_its_end_counted_from_the_end_SAFETY_7) {
    auto lease = held();
    EXPECT_TRUE(lease.may_feed(kNow + 5999ms));
    EXPECT_FALSE(lease.may_feed(kNow + 6s)) << "not even when nobody has noticed the end";
    ASSERT_TRUE(lease.expire(kNow + 5900ms));
    EXPECT_TRUE(lease.may_feed(kNow + 5999ms));
    EXPECT_FALSE(lease.may_feed(kNow + 6s));
    lease.clear();
    EXPECT_TRUE(lease.may_feed(kNow + 60s)) << "nothing runs that should not";
    EXPECT_TRUE(Lease(5s).may_feed(kNow)) << "nor before the first sign";
}

TEST(LeaseFile, gives_back_what_was_kept_and_refuses_what_it_cannot_read) {
    const ssi::test::TemporaryDirectory directory;
    const auto path = directory.path() / "lease.json";
    const LeaseFile file(path);
    EXPECT_EQ(file.load().value(), std::nullopt);
    for (const auto& memory : {Lease::Memory{3, kNow, std::nullopt, true, true, false},
                               Lease::Memory{4, std::nullopt, kNow + 1ms, false, false, true}}) {
        ASSERT_TRUE(file.save(memory));
        EXPECT_EQ(file.load().value(), memory);
    }
    std::ofstream(path) << R"({"v":1,"generation":3)";
    EXPECT_FALSE(file.load());
}

TEST(Lease, nothing_renews_while_others_count_on_a_watchdog_that_does_not_work_SAFETY_11) {
    auto lease = held();
    lease.watchdog_works(true);
    lease.watchdog_works(false);
    lease.renew(kNow + 1s, kNow + 1s);
    EXPECT_EQ(lease.deadline(), kNow + 5s) << "the slot may still say that it is armed";
    lease.watchdog_is_withdrawn();
    lease.renew(kNow + 1s, kNow + 1s);
    EXPECT_EQ(lease.deadline(), kNow + 6s) << "nobody counts on it any more";
    lease.watchdog_works(true);
    lease.watchdog_is_withdrawn();
    lease.watchdog_works(false);
    lease.renew(kNow + 2s, kNow + 2s);
    EXPECT_EQ(lease.deadline(), kNow + 6s) << "while it works it may be announced at any moment";
}

TEST(Lease, remembers_over_a_restart_of_the_guard_that_a_reset_was_promised) {
    auto before = held();
    before.watchdog_works(true);
    Lease after(5s);
    after.remember(before.memory());
    after.watchdog_works(false);
    after.renew(kNow + 1s, kNow + 1s);
    EXPECT_EQ(after.deadline(), kNow + 5s);
    EXPECT_FALSE(held().memory().reset_promised) << "without a watchdog";
}

TEST(Lease, laid_down_in_order_is_neither_held_nor_over_R8) {
    auto lease = held();
    lease.watchdog_works(true);
    lease.lay_down();
    EXPECT_FALSE(lease.expire(kNow + 60s));
    EXPECT_FALSE(lease.admits(kNow));
    EXPECT_EQ(lease.memory(), Lease::Memory{});
    auto expired = held();
    ASSERT_TRUE(expired.expire(kNow + 5s));
    expired.lay_down();
    EXPECT_TRUE(expired.is_expired()) << "its writers may still be there";
}

TEST(SlotWord, is_read_back_by_a_pass_that_began_after_it_was_said) {
    SlotWord word(true);
    word.say(false);
    word.read_back(false);
    EXPECT_FALSE(word.is_read_back()) << "that pass may have begun before, and write the old word now";
    word.read_back(true);
    EXPECT_FALSE(word.is_read_back()) << "it did";
    word.read_back(false);
    EXPECT_TRUE(word.is_read_back());
    word.say(true);
    EXPECT_FALSE(word.is_read_back());
}

/// A slot that was read back to say LONE.
SlotWord read_back_lone() {
    SlotWord word(true);
    word.read_back(true);
    word.read_back(true);
    return word;
}

TEST(LoneLease, does_not_end_once_the_slot_was_read_back_SAFETY_3) {
    auto lease = held();
    SlotWord word(false);
    EXPECT_TRUE(lease.judge_lone(true, word, kNow)) << "the slot is to say so";
    EXPECT_FALSE(lease.is_lone()) << "it does not yet";
    EXPECT_TRUE(lease.judge_lone(true, read_back_lone(), kNow + 1s));
    EXPECT_TRUE(lease.is_lone());
    EXPECT_FALSE(lease.expire(kNow + 60s));
    EXPECT_TRUE(lease.admits(kNow + 60s));
    EXPECT_TRUE(lease.may_feed(kNow + 60s));
}

TEST(LoneLease, begins_only_while_the_lease_is_held) {
    auto lease = held();
    static_cast<void>(lease.judge_lone(true, read_back_lone(), kNow + 5s));
    EXPECT_FALSE(lease.is_lone()) << "others may have judged it by time already";
    EXPECT_TRUE(lease.expire(kNow + 5s));
    EXPECT_FALSE(lease.judge_lone(true, read_back_lone(), kNow + 5s)) << "nor does the slot say so meanwhile";
    Lease none(5s);
    static_cast<void>(none.judge_lone(true, read_back_lone(), kNow));
    EXPECT_FALSE(none.is_lone());
}

TEST(LoneLease, ends_only_when_a_lease_is_held_again_and_before_the_slot_stops_saying_so) {
    auto lease = held();
    ASSERT_TRUE(lease.judge_lone(true, read_back_lone(), kNow));
    EXPECT_TRUE(lease.judge_lone(false, read_back_lone(), kNow + 30s))
        << "no sign of life was shown: it says LONE still";
    EXPECT_TRUE(lease.is_lone());
    lease.renew(kNow + 31s, kNow + 31s);
    EXPECT_FALSE(lease.judge_lone(false, read_back_lone(), kNow + 31s));
    EXPECT_FALSE(lease.is_lone());
    EXPECT_TRUE(lease.expire(kNow + 36s)) << "as any other from here on";
}

TEST(LoneLease, outlasts_an_ssid_that_is_away_or_does_not_know_and_a_restart_of_the_guard_R8) {
    auto lease = held();
    ASSERT_TRUE(lease.judge_lone(true, read_back_lone(), kNow));
    EXPECT_TRUE(lease.judge_lone(std::nullopt, read_back_lone(), kNow + 1s));
    Lease after(5s);
    after.remember(lease.memory());
    EXPECT_TRUE(after.judge_lone(std::nullopt, SlotWord(true), kNow + 60s)) << "its first write says so again";
    EXPECT_FALSE(after.expire(kNow + 60s));
    after.lay_down();
    EXPECT_TRUE(after.is_lone()) << "a guard that ends in order leaves it: its slot goes on saying so";
}

TEST(CondemnedLease, is_over_at_once_lone_or_not_and_nothing_renews_it_SAFETY_6) {
    auto lease = held();
    ASSERT_TRUE(lease.judge_lone(true, read_back_lone(), kNow));
    EXPECT_TRUE(lease.condemn(kNow + 1s));
    EXPECT_FALSE(lease.condemn(kNow + 1s)) << "once";
    EXPECT_TRUE(lease.is_expired());
    EXPECT_FALSE(lease.may_feed(kNow + 2s)) << "what cannot be stopped in time is stopped by the watchdog";
    lease.clear();
    lease.renew(kNow + 2s, kNow + 2s);
    EXPECT_FALSE(lease.admits(kNow + 2s));
    Lease after(5s);
    after.remember(lease.memory());
    after.renew(kNow + 2s, kNow + 2s);
    EXPECT_FALSE(after.admits(kNow + 2s)) << "nor after a restart of the guard";
    lease.pardon();
    lease.renew(kNow + 3s, kNow + 3s);
    EXPECT_TRUE(lease.admits(kNow + 3s)) << "it was void, or not about this boot";
}

class SupervisorWatchdog : public ::testing::Test {
  protected:
    void SetUp() override {
        std::thread arming([this] {
            supervisor_.take_connection();
            EXPECT_EQ(supervisor_.answer(), "arm 2.5\n");
        });
        auto armed = arm_watchdog(path_, WatchdogConfig::kHardware, 2500ms, std::nullopt);
        arming.join();
        ASSERT_TRUE(armed) << armed.error().text();
        watchdog_ = std::move(*armed);
    }

    ssi::test::TemporaryDirectory directory_;
    std::filesystem::path path_ = directory_.path() / "watchdog";
    test::Supervisor supervisor_{path_};
    std::unique_ptr<Watchdog> watchdog_;
};

TEST_F(SupervisorWatchdog, is_armed_fed_and_disarmed_in_words) {
    EXPECT_EQ(watchdog_->timeout(), 2500ms);
    EXPECT_TRUE(watchdog_->feed());
    EXPECT_EQ(supervisor_.answer(), "feed\n");
    std::thread disarming([this] { EXPECT_EQ(supervisor_.answer(), "disarm\n"); });
    EXPECT_TRUE(watchdog_->disarm());
    disarming.join();
}

TEST_F(SupervisorWatchdog, of_a_supervisor_that_was_restarted_works_again_only_when_it_has_answered) {
    supervisor_.hang_up();
    EXPECT_FALSE(watchdog_->feed()) << "nobody resets this host now";
    supervisor_.take_connection();
    EXPECT_FALSE(watchdog_->feed()) << "it is armed anew, but has not said so";
    EXPECT_EQ(supervisor_.answer(), "arm 2.5\n");
    EXPECT_EQ(supervisor_.answer(), "feed\n");
    EXPECT_TRUE(watchdog_->feed());
}

TEST_F(SupervisorWatchdog, of_a_supervisor_that_hangs_does_not_work_and_holds_nobody_up_R1) {
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(watchdog_->feed()) << "it may still answer";
    for (int i = 0; i < 8; ++i) EXPECT_FALSE(watchdog_->feed()) << "its queue of connections is full in the end";
}

TEST(Watchdog, that_is_not_there_is_refused_by_name) {
    const auto refused = arm_watchdog("/nonexistent/watchdog", WatchdogConfig::kHardware, 5s, std::nullopt);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().what.contains("/nonexistent/watchdog"));
}

}  // namespace
}  // namespace ssi::gate
