// The witness's own lease (SAFETY 9, 10): what may be killed, when it must be, and by what it is known.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <fstream>
#include <functional>
#include <string>

#include "daemons/ssid/gate/witness_guard.hpp"
#include "daemons/ssid/gate/witness_lease.hpp"
#include "daemons/ssid/gate/witness_process.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi::gate {
namespace {

using namespace std::chrono_literals;

constexpr BootTime kWitnessNow{1000s};

WitnessLease attended() {
    WitnessLease lease({5s, 30s}, kWitnessNow);
    lease.attend(true, kWitnessNow);
    return lease;
}

TEST(WitnessLease, nothing_runs_that_no_slot_write_has_vouched_for_SAFETY_9) {
    auto lease = attended();
    EXPECT_FALSE(lease.must_end(false, kWitnessNow));
    EXPECT_TRUE(lease.must_end(true, kWitnessNow));
    lease.renew(kWitnessNow, kWitnessNow + 1s);
    EXPECT_FALSE(lease.must_end(true, kWitnessNow + 1s));
}

TEST(WitnessLease, ends_T_lease_after_the_beginning_of_the_last_write_that_came_back_SAFETY_9) {
    auto lease = attended();
    lease.renew(kWitnessNow, kWitnessNow + 2s);
    EXPECT_EQ(lease.deadline(), kWitnessNow + 5s);
    EXPECT_FALSE(lease.must_end(true, kWitnessNow + 4999ms));
    EXPECT_TRUE(lease.must_end(true, kWitnessNow + 5s));
    EXPECT_TRUE(lease.must_end(true, kWitnessNow + 6s)) << "again, as long as it is there";
}

TEST(WitnessLease, is_not_renewed_before_what_ran_is_gone) {
    auto lease = attended();
    lease.renew(kWitnessNow, kWitnessNow);
    lease.renew(kWitnessNow + 5s, kWitnessNow + 5s);
    EXPECT_TRUE(lease.must_end(true, kWitnessNow + 5s)) << "a write that came back too late, before anybody had looked";
    lease.renew(kWitnessNow + 6s, kWitnessNow + 6s);
    EXPECT_TRUE(lease.must_end(true, kWitnessNow + 6s));
    EXPECT_FALSE(lease.must_end(false, kWitnessNow + 6s)) << "it is gone";
    EXPECT_TRUE(lease.must_end(true, kWitnessNow + 6s)) << "and no later one is vouched for yet";
    lease.renew(kWitnessNow + 7s, kWitnessNow + 7s);
    EXPECT_FALSE(lease.must_end(true, kWitnessNow + 7s));
}

TEST(WitnessLease, without_an_ssid_it_ends_after_a_while_SAFETY_10) {
    auto lease = attended();
    lease.attend(false, kWitnessNow);
    lease.attend(false, kWitnessNow + 20s);
    lease.renew(kWitnessNow + 29s, kWitnessNow + 29s);
    EXPECT_FALSE(lease.must_end(true, kWitnessNow + 29s)) << "an upgrade takes no witness down (R8)";
    EXPECT_TRUE(lease.must_end(true, kWitnessNow + 30s));
    lease.attend(true, kWitnessNow + 31s);
    EXPECT_FALSE(lease.must_end(true, kWitnessNow + 31s));
}

TEST(WitnessLease, is_found_again_by_a_guard_that_was_restarted_and_ends_when_it_would_have) {
    auto before = attended();
    before.renew(kWitnessNow, kWitnessNow);
    auto after = attended();
    after.remember(before.memory());
    EXPECT_FALSE(after.must_end(true, kWitnessNow + 4s));
    EXPECT_TRUE(after.must_end(true, kWitnessNow + 5s));
}

/// A process that sleeps, and what a unit would say of it.
class WitnessTest : public ::testing::Test {
  protected:
    void SetUp() override {
        child_ = ::fork();
        ASSERT_GE(child_, 0);
        if (child_ == 0) {
            ::pause();
            ::_exit(0);
        }
        say(std::to_string(child_) + "\n", "0::/system.slice/ssi-witness.service\n");
    }
    void TearDown() override {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
    }
    void say(const std::string& pid, const std::string& cgroup) {
        const auto process = folder_.path() / "proc" / std::to_string(child_);
        std::filesystem::create_directories(process);
        std::ofstream(places_.pid) << pid;
        std::ofstream(process / "cgroup") << cgroup;
    }
    [[nodiscard]] bool lives() const {
        siginfo_t info{};
        return ::waitid(P_PID, static_cast<id_t>(child_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
    }

    ssi::test::TemporaryDirectory folder_;
    WitnessProcess::Places places_{folder_.path() / "pid", folder_.path() / "loop", folder_.path() / "proc",
                                   "ssi-witness.service"};
    pid_t child_ = -1;
};

TEST_F(WitnessTest, process_is_the_one_that_the_file_names_and_that_belongs_to_the_unit) {
    auto found = WitnessProcess::find(places_);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->pid(), child_);
    EXPECT_FALSE(found->is_gone());
    ASSERT_TRUE(found->kill());
    siginfo_t info{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child_), &info, WEXITED | WNOWAIT), 0);
    EXPECT_TRUE(found->is_gone()) << "reaped or not";
    EXPECT_TRUE(found->kill());
    EXPECT_FALSE(WitnessProcess::find(places_));
}

TEST_F(WitnessTest, process_of_another_unit_is_never_touched) {
    for (const auto* cgroup : {"0::/system.slice/ssid.service\n", "0::/system.slice/not-ssi-witness.service\n",
                               "0::/system.slice/ssi-witness.service.d\n", "0::/\n", ""}) {
        say(std::to_string(child_), cgroup);
        EXPECT_FALSE(WitnessProcess::find(places_)) << cgroup;
    }
    for (const auto& pid :
         {std::string(""), std::string("1\n"), std::string("-1\n"), std::string("x"), std::to_string(child_) + "x"}) {
        say(pid, "0::/system.slice/ssi-witness.service\n");
        EXPECT_FALSE(WitnessProcess::find(places_)) << pid;
    }
    EXPECT_TRUE(lives());
}

class WitnessGuardTest : public WitnessTest {
  protected:
    /// One guard's life.
    struct Watching {
        Watching(const WitnessGuardTest& test, std::chrono::milliseconds lease)
            : guard(clock, LeaseFile(test.folder_.path() / "lease.json"), {{lease, 30s}, 5ms, test.places_}) {
            guard.attend(true);
            guard.on_change = [this](bool runs) { changes.push_back(runs); };
        }
        void begin() { boost::asio::co_spawn(io, guard.run(), boost::asio::detached); }
        void run_for(std::chrono::milliseconds time) {
            io.restart();
            io.run_for(time);
        }
        /// At most ten seconds.
        void run_until(const std::function<bool()>& condition) {
            for (int turn = 0; turn < 1000 && !condition(); ++turn) run_for(10ms);
        }
        boost::asio::io_context io;
        BootClock clock{io.get_executor()};
        std::vector<bool> changes;
        WitnessGuard guard;
    };
};

TEST_F(WitnessGuardTest, kills_it_when_the_slot_is_not_written_any_more) {
    say("", "");
    Watching watching(*this, 1s);
    watching.guard.renew(watching.clock.now());
    say(std::to_string(child_) + "\n", "0::/system.slice/ssi-witness.service\n");
    watching.begin();
    watching.run_for(50ms);
    EXPECT_TRUE(lives());
    EXPECT_TRUE(watching.guard.runs());
    watching.run_until([&] { return !watching.guard.runs() && watching.changes.size() == 2; });
    EXPECT_FALSE(lives());
    EXPECT_EQ(watching.changes, (std::vector{true, false})) << "and the slot says so";
}

TEST_F(WitnessGuardTest, a_later_guard_goes_on_with_the_lease_it_finds) {
    {
        // What runs already when the lease is first held is none of ours: it begins later.
        say("", "");
        Watching first(*this, 10s);
        first.guard.renew(first.clock.now());
        say(std::to_string(child_) + "\n", "0::/system.slice/ssi-witness.service\n");
        first.begin();
        first.run_for(20ms);
    }
    Watching second(*this, 10s);
    second.begin();
    second.run_for(50ms);
    EXPECT_TRUE(lives());
}

TEST_F(WitnessGuardTest, a_guard_that_finds_no_lease_kills_what_nobody_vouches_for) {
    Watching watching(*this, 10s);
    watching.begin();
    watching.run_until([&] { return !lives(); });
    EXPECT_FALSE(lives());
}

TEST_F(WitnessGuardTest, outlives_it_and_what_it_has_not_written_yet_SAFETY_7) {
    Watching watching(*this, 10s);
    std::ofstream(places_.loop) << "/dev/loop7";
    bool is_over = false;
    boost::asio::co_spawn(watching.io, watching.guard.outlive(), [&](const std::exception_ptr&) { is_over = true; });
    watching.run_until([&] { return !lives(); });
    EXPECT_FALSE(lives());
    watching.run_for(50ms);
    EXPECT_FALSE(is_over) << "its file system is not closed yet";
    std::filesystem::remove(places_.loop);
    watching.run_until([&] { return is_over; });
    EXPECT_TRUE(is_over);
}

}  // namespace
}  // namespace ssi::gate
