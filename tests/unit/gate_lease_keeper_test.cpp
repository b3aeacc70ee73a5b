// The lease in ssi-guard: what it lets in, what its end does to guests and watchdog, and what the next guard finds of
// it (SAFETY 3, 5-8, 11). The guest is a process, everything else passes by the simulation's clock.
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <list>
#include <string>
#include <thread>

#include "daemons/ssid/gate/lease_keeper.hpp"
#include "daemons/ssid/gate/spawn.hpp"
#include "tests/sim/sim_world.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi::gate {
namespace {

using namespace std::chrono_literals;
using cluster::RightKind;

constexpr auto kTerm = 5s;
constexpr auto kBeat = 500ms;

/// A process that does nothing, killed with the object.
class SleepingGuest {
  public:
    SleepingGuest() : pid_(::fork()) {
        if (pid_ != 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (true) ::pause();
    }
    ~SleepingGuest() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    SleepingGuest(const SleepingGuest&) = delete;
    SleepingGuest& operator=(const SleepingGuest&) = delete;

    [[nodiscard]] bool runs() const {
        siginfo_t info{};
        return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
    }
    [[nodiscard]] ProcessId id() const {
        std::ifstream stat("/proc/" + std::to_string(pid_) + "/stat");
        std::string word;
        for (int field = 1; field <= 22; ++field) stat >> word;
        return {pid_, std::stoull(word)};
    }

  private:
    pid_t pid_;
};

/// What was done to it.
struct WatchdogLog {
    int feeds = 0;
    bool is_broken = false;
    bool is_disarmed = false;
};

class LoggedWatchdog final : public Watchdog {
  public:
    explicit LoggedWatchdog(WatchdogLog& log) : log_(log) {}
    Result<void> feed() override {
        if (log_.is_broken) return failure(ErrorCode::kSystemFailed, "broken", "watchdog");
        ++log_.feeds;
        return {};
    }
    Result<void> disarm() override {
        log_.is_disarmed = true;
        return {};
    }
    [[nodiscard]] std::chrono::milliseconds timeout() const override { return 5s; }
    [[nodiscard]] WatchdogConfig kind() const override { return WatchdogConfig::kHardware; }

  private:
    WatchdogLog& log_;
};

/// The words of this member's slot; read back when the test says so.
struct Slot final : SlotNotice {
    void announce(bool says) override { armed.say(says); }
    [[nodiscard]] bool is_withdrawn() const override { return !armed.says() && armed.is_read_back(); }
    void announce_lone(bool says) override { alone.say(says); }
    [[nodiscard]] const SlotWord& lone() const override { return alone; }

    void read_back() {
        for (int pass = 0; pass < 2; ++pass) {
            armed.read_back(armed.says());
            alone.read_back(alone.says());
        }
    }

    SlotWord armed{true};
    SlotWord alone{false};
};

class LeaseKeeperTest : public ::testing::Test {
  protected:
    LeaseKeeperTest() { machine.power_on(1000s, 0); }

    /// One life of the guard; its end is a crash.
    struct Life {
        Life(LeaseKeeperTest& on, std::unique_ptr<Watchdog> watchdog)
            : process(on.processes.emplace_back(on.world, on.machine)),
              guard(on.world.executor(), process, TableFile(on.table()), on.store),
              keeper(on.world.executor(), process, restored(guard), LeaseFile(on.lease()), {kTerm, kBeat},
                     std::move(watchdog)) {
            keeper.tell(slot);
            keeper.stop_others = [&on, &clock = process]() -> boost::asio::awaitable<void> {
                EXPECT_FALSE(on.guest && on.guest->runs()) << "the guests first";
                while (!on.others_stop) co_await clock.sleep(10ms);
            };
            spawn(on.world.executor(), keeper.run());
            on.pass(0ms);
        }
        ~Life() { process.kill(); }
        Life(const Life&) = delete;
        Life& operator=(const Life&) = delete;

        [[nodiscard]] bool lets_in() const { return guard.may_admit().has_value(); }
        /// The sign in the engine.
        void commit() { keeper.renew(process.now()); }
        /// The sign on the PDR: the write of our slot came back.
        void read_pdr() { read_pdr(process.now()); }
        /// It had been begun too long ago to show a sign of life.
        void read_pdr_late() { read_pdr(process.now() - kTerm); }
        void read_pdr(BootTime written) {
            cluster::PdrPass pass;
            pass.fresh = true;
            pass.renewed = written;
            keeper.heard(pass);
        }
        void fail_to_read_pdr() {
            cluster::PdrPass pass;
            pass.fault = "unreadable";
            keeper.heard(pass);
        }
        void read_verdict_about_us() {
            cluster::PdrPass pass;
            pass.names_us = true;
            keeper.heard(pass);
        }

        sim::Process& process;
        Guard guard;
        Slot slot;
        LeaseKeeper keeper;

      private:
        static Guard& restored(Guard& guard) {
            EXPECT_TRUE(guard.restore({}).empty());
            return guard;
        }
    };

    /// Ends the one before.
    Life& begin() { return begin(std::make_unique<LoggedWatchdog>(watchdog)); }
    Life& begin(std::unique_ptr<Watchdog> armed) { return life.emplace(*this, std::move(armed)); }
    /// That was let in before the next guard begins.
    SleepingGuest& run_a_guest() {
        auto& running = guest.emplace();
        const auto uuid = GuestUuid::parse("11111111-2222-4333-8444-555555555501").value();
        RightTable rights;
        EXPECT_TRUE(rights.grant(GuestName::parse("linux01").value(), uuid, RunId("run-1"), RightKind::kStart, 30s,
                                 machine.now()));
        EXPECT_TRUE(rights.register_life({uuid, "linux01", running.id().pid}, running.id().start_time, machine.now()));
        EXPECT_TRUE(TableFile(table()).save(rights));
        return running;
    }
    void pass(std::chrono::milliseconds time) {
        world.run_until(world.now() + time, [] {});
    }
    /// While no time passes: what the kernel has to say takes a moment of our own.
    template <class Condition>
    bool comes(Condition condition) {
        for (int turn = 0; turn < 5000 && !condition(); ++turn) {
            pass(0ms);
            std::this_thread::sleep_for(1ms);
        }
        return condition();
    }
    /// The guest is gone, and the guard knows.
    bool is_killed() {
        const bool killed = comes([&] { return !guest->runs() && !(*life->guard.table())->has_qemu(); });
        pass(0ms);
        return killed;
    }
    /// While so much time passes.
    bool is_fed_during(std::chrono::milliseconds time) {
        const int before = watchdog.feeds;
        pass(time);
        return watchdog.feeds > before;
    }

    [[nodiscard]] std::filesystem::path table() const { return folder.path() / "rights.json"; }
    [[nodiscard]] std::filesystem::path lease() const { return folder.path() / "lease.json"; }

    test::TemporaryDirectory folder;
    sim::World world{1};
    sim::Machine machine{world};
    std::list<sim::Process> processes;  // what they wait for outlives them
    DescriptorStore store;
    WatchdogLog watchdog;
    bool others_stop = true;  ///< What else writes to shared volumes ends when it is told to.
    std::optional<SleepingGuest> guest;
    std::optional<Life> life;
};

TEST_F(LeaseKeeperTest, nothing_is_let_in_before_the_first_sign_SAFETY_8) {
    auto& at = begin();
    EXPECT_FALSE(at.lets_in());
    at.commit();
    EXPECT_TRUE(at.lets_in());
}

TEST_F(LeaseKeeperTest, a_renewal_counts_from_before_it_was_begun_SAFETY_5) {
    auto& at = begin();
    const auto begun = machine.now();
    pass(2s);
    at.keeper.renew(begun);
    pass(2400ms);
    EXPECT_TRUE(at.lets_in());
    pass(100ms);
    EXPECT_FALSE(at.lets_in()) << "begun 4.5 s ago, and the door closes half a second before the end (SAFETY 8)";
}

TEST_F(LeaseKeeperTest, a_sign_counts_for_others_only_if_the_lease_lasts_T_lease_from_its_beginning) {
    auto& at = begin();
    const auto early = machine.now();
    pass(5s);
    at.keeper.renew(early);
    EXPECT_FALSE(at.keeper.counts(early)) << "it came back when its time was over";
    at.commit();
    EXPECT_TRUE(at.keeper.counts(machine.now()));
    EXPECT_FALSE(at.keeper.counts(machine.now() + 1ms));
}

TEST_F(LeaseKeeperTest, either_sign_alone_holds_it_SAFETY_6) {
    const auto& running = run_a_guest();
    auto& at = begin();
    for (int beat = 0; beat < 30; ++beat, pass(500ms)) at.commit();
    EXPECT_TRUE(running.runs() && at.lets_in());
    for (int beat = 0; beat < 30; ++beat, pass(500ms)) at.read_pdr();
    EXPECT_TRUE(running.runs() && at.lets_in());
}

TEST_F(LeaseKeeperTest, a_pass_whose_own_write_did_not_come_back_holds_nothing_SAFETY_5) {
    run_a_guest();
    auto& at = begin();
    for (int beat = 0; beat < 10; ++beat, pass(500ms)) at.fail_to_read_pdr();
    EXPECT_FALSE(at.lets_in());
    EXPECT_TRUE(is_killed());
}

TEST_F(LeaseKeeperTest, its_end_kills_every_guest_at_once_and_shuts_the_door_SAFETY_7) {
    const auto& running = run_a_guest();
    auto& at = begin();
    pass(3s);
    at.commit();
    pass(4999ms);
    EXPECT_TRUE(running.runs());
    pass(1ms);
    EXPECT_TRUE(is_killed());
    EXPECT_FALSE(at.lets_in());
    at.commit();
    EXPECT_TRUE(at.lets_in()) << "all is gone: it is held anew";
}

TEST_F(LeaseKeeperTest, it_is_not_renewed_and_the_watchdog_starves_while_something_still_writes_SAFETY_7) {
    run_a_guest();
    auto& at = begin();
    others_stop = false;
    pass(5s);
    ASSERT_TRUE(is_killed());
    EXPECT_TRUE(is_fed_during(900ms)) << "there is a second to stop it";
    pass(100ms);
    at.commit();
    EXPECT_FALSE(at.lets_in());
    EXPECT_FALSE(is_fed_during(10s)) << "what is not seen to be stopped is stopped by the reset";
    others_stop = true;
    EXPECT_TRUE(is_fed_during(kBeat));
    at.commit();
    EXPECT_TRUE(at.lets_in());
}

TEST_F(LeaseKeeperTest, the_watchdog_is_fed_while_it_is_held_and_before_the_first_sign) {
    auto& at = begin();
    EXPECT_TRUE(is_fed_during(10s));
    at.commit();
    EXPECT_TRUE(is_fed_during(kBeat));
}

TEST_F(LeaseKeeperTest, a_watchdog_that_broke_is_told_and_nothing_renews_until_that_was_read_back_SAFETY_11) {
    run_a_guest();
    auto& at = begin();
    watchdog.is_broken = true;
    pass(kBeat);
    EXPECT_FALSE(at.slot.armed.says());
    const auto end = machine.now() + kTerm - kBeat;
    at.commit();
    pass(end - machine.now() - 1ms);
    EXPECT_TRUE(guest->runs());
    pass(1ms);
    EXPECT_TRUE(is_killed()) << "others count on a reset that will not come: the lease ends as if unrenewed";

    at.slot.read_back();
    at.commit();
    EXPECT_TRUE(at.lets_in()) << "nobody counts on it any more";
    watchdog.is_broken = false;
    pass(kBeat);
    EXPECT_TRUE(at.slot.armed.says());
}

TEST_F(LeaseKeeperTest, alone_it_does_not_end_once_the_slot_was_read_back_to_say_so_SAFETY_3) {
    const auto& running = run_a_guest();
    auto& at = begin();
    at.keeper.alone(true);
    at.commit();
    at.read_pdr_late();
    EXPECT_TRUE(at.slot.alone.says());
    EXPECT_FALSE(at.keeper.is_lone()) << "the others cannot have read it yet";
    at.slot.read_back();
    at.read_pdr_late();
    EXPECT_TRUE(at.keeper.is_lone());
    EXPECT_TRUE(is_fed_during(60s));
    EXPECT_TRUE(running.runs() && at.lets_in());
}

TEST_F(LeaseKeeperTest, who_says_to_be_alone_and_was_not_read_back_ends_as_any_other) {
    run_a_guest();
    auto& at = begin();
    at.keeper.alone(true);
    at.read_pdr_late();
    ASSERT_TRUE(at.slot.alone.says());
    pass(5s);
    EXPECT_TRUE(is_killed());
    at.read_pdr_late();
    EXPECT_FALSE(at.keeper.is_lone());
}

TEST_F(LeaseKeeperTest, it_says_to_be_alone_until_it_holds_a_lease_again_SAFETY_3) {
    const auto& running = run_a_guest();
    auto& at = begin();
    at.keeper.alone(true);
    at.read_pdr_late();
    at.slot.read_back();
    at.read_pdr_late();
    pass(60s);
    at.keeper.alone(false);
    at.read_pdr_late();
    EXPECT_TRUE(at.slot.alone.says() && at.keeper.is_lone());
    at.commit();
    at.read_pdr_late();
    EXPECT_FALSE(at.slot.alone.says() || at.keeper.is_lone());
    EXPECT_TRUE(running.runs());
    pass(5s);
    EXPECT_TRUE(is_killed()) << "from here on it ends";
}

TEST_F(LeaseKeeperTest, LONE_that_the_next_guard_would_not_find_does_not_begin_SAFETY_3) {
    run_a_guest();
    auto& at = begin();
    at.keeper.alone(true);
    at.read_pdr_late();
    at.slot.read_back();
    // Nothing can be written there any more.
    std::filesystem::remove(lease());
    std::filesystem::create_directories(lease() / "in-the-way");
    at.read_pdr_late();
    EXPECT_FALSE(at.keeper.is_lone());
    pass(5s);
    EXPECT_TRUE(is_killed());
}

TEST_F(LeaseKeeperTest, declared_dead_on_the_PDR_it_kills_at_once_and_nothing_renews_SAFETY_6) {
    run_a_guest();
    auto& at = begin();
    at.commit();
    at.read_verdict_about_us();
    EXPECT_TRUE(is_killed());
    EXPECT_FALSE(at.lets_in());
    at.commit();
    EXPECT_FALSE(at.lets_in());
    at.read_pdr();
    EXPECT_TRUE(at.lets_in()) << "nobody says so any more: it was void, or not about this boot";
}

TEST_F(LeaseKeeperTest, laid_down_in_order_it_ends_for_nobody_and_the_watchdog_is_disarmed_R8) {
    const auto& running = run_a_guest();
    EXPECT_TRUE(begin().keeper.lay_down());
    EXPECT_TRUE(watchdog.is_disarmed);
    life.reset();
    pass(60s);
    auto& at = begin();
    EXPECT_TRUE(running.runs()) << "what ran on without a guard gets one term";
    at.commit();
    EXPECT_TRUE(at.lets_in());
}

// SAFETY 11: what a guard leaves to the next one.
class LeaseKeeperRestartTest : public LeaseKeeperTest {};

TEST_F(LeaseKeeperRestartTest, a_lease_that_is_held_ends_when_it_would_have_ended) {
    run_a_guest();
    begin();
    pass(3s);
    begin();
    pass(1999ms);
    EXPECT_TRUE(guest->runs());
    pass(1ms);
    EXPECT_TRUE(is_killed());
}

TEST_F(LeaseKeeperRestartTest, one_whose_time_passed_meanwhile_is_over_at_once) {
    run_a_guest();
    begin();
    life.reset();
    pass(5s);
    auto& at = begin();
    EXPECT_TRUE(is_killed());
    EXPECT_FALSE(at.lets_in());
}

TEST_F(LeaseKeeperRestartTest, an_end_that_was_not_seen_through_is_seen_through) {
    run_a_guest();
    begin();
    others_stop = false;
    pass(5s);
    ASSERT_TRUE(is_killed());
    auto& at = begin();
    at.commit();
    EXPECT_FALSE(at.lets_in());
    pass(1s);
    EXPECT_FALSE(is_fed_during(10s)) << "its second began with the end of the lease";
    others_stop = true;
    EXPECT_TRUE(is_fed_during(kBeat));
    at.commit();
    EXPECT_TRUE(at.lets_in());
}

TEST_F(LeaseKeeperRestartTest, guests_of_a_guard_that_kept_none_get_one_term) {
    run_a_guest();
    begin();
    pass(4999ms);
    EXPECT_TRUE(guest->runs());
    pass(1ms);
    EXPECT_TRUE(is_killed());
}

TEST_F(LeaseKeeperRestartTest, guests_under_a_lease_that_cannot_be_read_get_none) {
    run_a_guest();
    std::ofstream(lease()) << "{";
    begin();
    EXPECT_TRUE(is_killed());
}

TEST_F(LeaseKeeperRestartTest, who_is_alone_stays_alone) {
    const auto& running = run_a_guest();
    auto& first = begin();
    first.keeper.alone(true);
    first.read_pdr_late();
    first.slot.read_back();
    first.read_pdr_late();
    life.reset();
    pass(60s);
    auto& at = begin();
    EXPECT_TRUE(at.keeper.is_lone());
    pass(60s);
    EXPECT_TRUE(running.runs() && at.lets_in());
}

TEST_F(LeaseKeeperRestartTest, who_was_declared_dead_stays_so) {
    begin().read_verdict_about_us();
    auto& at = begin();
    at.commit();
    EXPECT_FALSE(at.lets_in());
}

TEST_F(LeaseKeeperRestartTest, a_reset_that_was_promised_and_will_not_come_renews_nothing_until_it_is_taken_back) {
    begin();
    auto& at = begin(nullptr);
    at.slot.announce(false);
    at.commit();
    EXPECT_FALSE(at.lets_in()) << "the slot may still say that the watchdog is armed";
    at.slot.read_back();
    at.commit();
    EXPECT_TRUE(at.lets_in());
}

TEST_F(LeaseKeeperRestartTest, without_guests_and_without_a_sign_nothing_is_held) {
    begin();
    EXPECT_FALSE(begin().lets_in());
}

}  // namespace
}  // namespace ssi::gate
