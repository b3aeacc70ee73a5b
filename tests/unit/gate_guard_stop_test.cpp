// A real ssi-guard that is told to stop while it starts: whoever counts on its watchdog is told, and then it is
// disarmed, as at any other time (SAFETY 11). A guard that left it armed would have this host reset.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <format>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "daemons/ssid/gate/guard_client.hpp"
#include "daemons/ssid/gate/spawn.hpp"
#include "lib/common/pdr/volume.hpp"
#include "lib/common/pdr/writer_lock.hpp"
#include "tests/unit/coroutines.hpp"
#include "tests/unit/gate_processes.hpp"
#include "tests/unit/gate_supervisor.hpp"

namespace ssi::gate::test {
namespace {

using namespace std::chrono_literals;
using cluster::GuardClient;
using cluster::RightKind;

constexpr auto kClusterUuid = "6f0e2a30-1b5c-4c6e-9d0a-7d2f1c9b8e11";
class GuardStopTest : public ::testing::Test {
  protected:
    void SetUp() override {
        std::ofstream(config_) << std::format(
            "[cluster]\nname = \"TESTCLUSTER\"\nuuid = \"{}\"\n[pdr]\ndevice = \"{}\"\n"
            "[[member]]\nname = \"MEMBER1\"\nslot = 1\nwatchdog = \"hardware\"\nwatchdog_device = \"{}\"\n",
            kClusterUuid, device_.native(), watchdog_.native());
        std::ofstream(device_).close();
        std::filesystem::resize_file(device_, 5 << 20);
        auto disk = pdr::DirectDisk::open(device_, pdr::DiskAccess::kReadWrite);
        if (!disk) GTEST_SKIP() << disk.error().text();
        disk_ = *std::move(disk);
        ASSERT_TRUE(pdr::format(*disk_, {"TESTCLUSTER", cluster_}, {}));
    }

    void start() {
        guard_ = Child::start({SSI_GUARD, "--lock-socket", door_.native(), "--runtime-dir", folder_.path().native(),
                               "--config", config_.native(), "--member", "MEMBER1"});
        supervisor_.take_connection();
        ASSERT_EQ(supervisor_.hear(), "arm 5\n");
    }
    void tell_to_stop() { ASSERT_EQ(::kill(guard_.pid(), SIGTERM), 0); }

    /// What the slot says of the watchdog when that is to be disarmed; none: it never is.
    std::optional<bool> armed_by_the_slot_at_the_end() {
        for (auto said = supervisor_.hear(); !said.empty(); said = supervisor_.hear()) {
            const auto slots = pdr::read_slots(*disk_, cluster_);
            supervisor_.say_yes();
            if (said != "disarm\n") continue;
            return slots && slots->front().sign && slots->front().sign->record.armed;
        }
        return std::nullopt;
    }

    ssi::test::TemporaryDirectory folder_;
    std::filesystem::path config_ = folder_.path() / "system.toml";
    std::filesystem::path device_ = folder_.path() / "pdr";
    std::filesystem::path watchdog_ = folder_.path() / "watchdog";
    std::filesystem::path door_ = folder_.path() / "lock";
    pdr::ClusterId cluster_ = pdr::cluster_id(*GuestUuid::parse(kClusterUuid));
    std::unique_ptr<pdr::DirectDisk> disk_;
    Supervisor supervisor_{watchdog_};
    Child guard_;
};

TEST_F(GuardStopTest, while_it_arms_its_watchdog_leaves_it_disarmed) {
    start();
    tell_to_stop();
    supervisor_.say_yes();
    EXPECT_EQ(armed_by_the_slot_at_the_end(), false);
    EXPECT_EQ(guard_.wait(), 0);
}

TEST_F(GuardStopTest, before_its_first_pass_leaves_it_disarmed) {
    std::optional<pdr::WriterLock> earlier(folder_.path() / "pdr.lock");
    ASSERT_TRUE(earlier->take())
        << "an earlier guard still hangs in the disk's queue: none of this one's passes begins";
    start();
    supervisor_.say_yes();
    ASSERT_EQ(supervisor_.answer(), "feed\n");
    tell_to_stop();
    earlier.reset();
    EXPECT_EQ(armed_by_the_slot_at_the_end(), false);
    EXPECT_EQ(guard_.wait(), 0);
}

/// With a guest: what the slot has said to the others is not taken for granted.
class GuardStopWithGuestTest : public GuardStopTest {
  protected:
    void TearDown() override { guest_.process.kill(); }

    /// A guest is let in; then the guard is killed, and its slot says that the watchdog is armed.
    void crash_with_a_guest() {
        start();
        std::jthread feeding([this](const std::stop_token& stop) {
            for (auto said = std::string("arm"); !stop.stop_requested() && !said.empty(); said = supervisor_.hear())
                supervisor_.say_yes();
        });
        EXPECT_TRUE(granted());
        guest_ = FakeQemu::start(door_, kUuid, kGuest.str());
        EXPECT_EQ(guest_.refusal, "");
        guard_.kill();
    }
    /// As soon as the lease is held.
    bool granted() {
        boost::asio::io_context io;
        BootClock clock(io.get_executor());
        GuardClient client(io.get_executor(), clock, folder_.path() / "rights.sock");
        spawn(io.get_executor(), client.run());
        for (const auto until = clock.now() + 10s; clock.now() < until;) {
            if (ssi::test::run(io, client.grant(kGuest, kUuid, kRun, RightKind::kStart, 30s))) return true;
            std::this_thread::sleep_for(20ms);
        }
        return false;
    }

    FakeQemu guest_;
};

TEST_F(GuardStopWithGuestTest, told_to_stop_while_it_starts_again_tells_the_others_and_harms_no_guest_R8) {
    crash_with_a_guest();
    start();
    tell_to_stop();
    supervisor_.say_yes();
    EXPECT_EQ(armed_by_the_slot_at_the_end(), false);
    EXPECT_EQ(guard_.wait(), 0);
    EXPECT_EQ(::waitpid(guest_.process.pid(), nullptr, WNOHANG), 0) << "it runs on";
}

}  // namespace
}  // namespace ssi::gate::test
