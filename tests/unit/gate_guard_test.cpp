// The real ssi-guard, its client in ssid, and processes that stand in for libvirt and QEMU.

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fstream>
#include <optional>

#include "daemons/ssid/gate/guard_client.hpp"
#include "daemons/ssid/gate/right_names.hpp"
#include "daemons/ssid/gate/spawn.hpp"
#include "tests/unit/gate_processes.hpp"

namespace ssi::gate::test {
namespace {

using namespace std::chrono_literals;
using cluster::GuardClient;

class GuardTest : public ::testing::Test {
  protected:
    GuardTest() {
        client.on_event = [this](const GuardEvent& event) { events.push_back(event.kind); };
        client.on_connected = [this] { ++connected; };
        start_guard();
        spawn(io.get_executor(), client.run());
    }

    void start_guard() {
        guard = Child::start({SSI_GUARD, "--lock-socket", door.string(), "--runtime-dir", directory.path().string()});
    }
    void restart_guard() {
        guard.kill();
        start_guard();
    }

    template <class T>
    T result(boost::asio::awaitable<T> task) {
        std::optional<T> value;
        boost::asio::co_spawn(io, std::move(task), [&](std::exception_ptr thrown, T outcome) {
            ASSERT_FALSE(thrown);
            value = std::move(outcome);
        });
        run_until([&] { return value.has_value(); });
        return std::move(value.value());
    }
    template <class Condition>
    bool run_until(Condition condition) {
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        while (!condition() && std::chrono::steady_clock::now() < deadline) io.run_one_for(100ms);
        return condition();
    }
    bool heard(GuardEvent::Kind kind) {
        return run_until([&] { return std::ranges::contains(events, kind); });
    }

    Result<void> grant(RightKind kind = RightKind::kStart, std::chrono::milliseconds lifetime = 30s) {
        return result(client.grant(kGuest, kUuid, kRun, kind, lifetime));
    }
    FakeQemu qemu() { return FakeQemu::start(door, kUuid, kGuest.str()); }
    /// libvirt's call before the guest runs. Empty when allowed.
    std::string acquire(const FakeQemu& owner) {
        LockConnection one_shot(door);
        auto refusal = one_shot.register_owner(kUuid, kGuest.str(), owner.process.pid());
        return refusal.empty() ? one_shot.acquire("/d1") : refusal;
    }
    std::string release(const FakeQemu& owner) {
        LockConnection one_shot(door);
        auto refusal = one_shot.register_owner(kUuid, kGuest.str(), owner.process.pid());
        return refusal.empty() ? one_shot.release("/d1") : refusal;
    }
    std::optional<RightState> state() {
        const auto rights = result(client.rights());
        EXPECT_TRUE(rights) << rights.error().text();
        return rights && rights->size() == 1 ? std::optional(rights->front().state) : std::nullopt;
    }

    TemporaryDirectory directory;
    std::filesystem::path door = directory.path() / "lock";
    Child guard;
    boost::asio::io_context io;
    BootClock clock{io.get_executor()};
    GuardClient client{io.get_executor(), clock, directory.path() / "rights.sock"};
    std::vector<GuardEvent::Kind> events;
    int connected = 0;
};

using enum GuardEvent::Kind;

TEST_F(GuardTest, start_without_right_is_refused_in_words) {
    EXPECT_TRUE(qemu().refusal.contains("SSI-1046 guest linux01 was not admitted by ssid on this member"));
}

TEST_F(GuardTest, start_with_right_runs_and_its_end_is_heard) {
    ASSERT_TRUE(grant());
    auto running = qemu();
    EXPECT_EQ(running.refusal, "");
    EXPECT_EQ(acquire(running), "");
    EXPECT_EQ(state(), RightState::kAcquired);

    running.process.kill();

    EXPECT_TRUE(heard(kEnded));
    EXPECT_EQ(events, (std::vector{kRegistered, kAcquired, kEnded}));
    EXPECT_EQ(state(), std::nullopt);
}

// R1
TEST_F(GuardTest, second_qemu_of_a_running_guest_is_refused) {
    ASSERT_TRUE(grant());
    const auto running = qemu();
    EXPECT_TRUE(qemu().refusal.contains("has its QEMU on this member already"));
}

TEST_F(GuardTest, right_never_used_expires) {
    ASSERT_TRUE(grant(RightKind::kStart, 50ms));
    EXPECT_TRUE(heard(kExpired));
    EXPECT_NE(qemu().refusal, "");
}

// R8
TEST_F(GuardTest, crash_of_the_guard_changes_nothing) {
    ASSERT_TRUE(grant());
    auto running = qemu();
    ASSERT_EQ(acquire(running), "");

    restart_guard();

    EXPECT_EQ(state(), RightState::kAcquired);
    EXPECT_EQ(connected, 2);
    EXPECT_EQ(acquire(running), "");
    EXPECT_NE(qemu().refusal, "");
    running.process.kill();
    EXPECT_TRUE(heard(kEnded));
}

TEST_F(GuardTest, death_while_the_guard_was_down_is_found) {
    ASSERT_TRUE(grant());
    auto running = qemu();
    guard.kill();
    running.process.kill();
    start_guard();
    EXPECT_EQ(state(), std::nullopt);
}

// SAFETY 22
TEST_F(GuardTest, handed_over_guest_is_not_resumed_until_kept) {
    ASSERT_TRUE(grant());
    const auto running = qemu();
    ASSERT_EQ(acquire(running), "");
    ASSERT_TRUE(result(client.hand_over(kGuest, kRun)));

    EXPECT_EQ(release(running), "");
    EXPECT_EQ(release(running), "");
    EXPECT_TRUE(acquire(running).contains("SSI-1047 guest linux01 was handed over"));
    ASSERT_TRUE(result(client.keep(kGuest, kRun)));
    EXPECT_EQ(acquire(running), "");
}

// SAFETY 22
TEST_F(GuardTest, cancel_kills_the_incoming_qemu_before_it_answers) {
    ASSERT_TRUE(grant(RightKind::kIncoming));
    auto incoming = qemu();

    EXPECT_EQ(result(client.cancel(kGuest, kRun)), CancelOutcome::kCancelled);

    EXPECT_EQ(state(), std::nullopt);
    EXPECT_EQ(incoming.process.wait(), -1);
    EXPECT_FALSE(grant(RightKind::kIncoming)) << "the run is over";
}

TEST_F(GuardTest, cancel_after_the_switch_over_says_that_the_guest_is_here) {
    ASSERT_TRUE(grant(RightKind::kIncoming));
    const auto incoming = qemu();
    ASSERT_EQ(acquire(incoming), "");
    EXPECT_EQ(result(client.cancel(kGuest, kRun)), CancelOutcome::kAcquired);
}

TEST_F(GuardTest, revoke_kills_when_told) {
    ASSERT_TRUE(grant());
    auto running = qemu();
    EXPECT_EQ(result(client.revoke(kGuest, kRun, false)).error().code, ErrorCode::kGuestBusy);
    EXPECT_TRUE(result(client.revoke(kGuest, kRun, true)));
    EXPECT_EQ(state(), std::nullopt);
}

TEST_F(GuardTest, expel_kills_and_shuts_the_door_until_the_restart) {
    ASSERT_TRUE(grant());
    const auto running = qemu();
    EXPECT_TRUE(result(client.expel()));
    EXPECT_TRUE(qemu().refusal.contains("SSI-1048"));
    EXPECT_EQ(grant().error().code, ErrorCode::kDoorClosed);
    restart_guard();
    EXPECT_TRUE(result(client.grant(kGuest, kUuid, RunId("run-2"), RightKind::kStart, 30s)));
}

// R1: an empty answer would say that the guest does not run.
TEST_F(GuardTest, unreadable_table_shuts_the_door_and_is_told) {
    ASSERT_TRUE(grant());
    const auto running = qemu();
    guard.kill();
    std::ofstream(directory.path() / "rights.json", std::ios::trunc) << "{";
    start_guard();
    EXPECT_EQ(result(client.rights()).error().code, ErrorCode::kDoorClosed);
    EXPECT_TRUE(acquire(running).contains("SSI-1048"));
}

TEST_F(GuardTest, clients_that_misbehave_do_not_disturb_the_others) {
    ASSERT_TRUE(grant());
    LockConnection mute(door);
    LockConnection oversize(door);
    EXPECT_EQ(oversize.send(Bytes(64, std::byte{0x7f})), "closed");
    LockConnection out_of_turn(door);
    EXPECT_TRUE(out_of_turn.acquire("/d1").contains("not registered"));
    const auto running = qemu();
    EXPECT_EQ(acquire(running), "");
}

TEST_F(GuardTest, call_without_a_guard_ends_within_its_second) {
    guard.kill();
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ(grant().error().code, ErrorCode::kGuardUnreachable);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 1500ms);
}

}  // namespace
}  // namespace ssi::gate::test
