/// R1 under chance: guests are started, paused, saved, restored, destroyed and moved on all members at once while
/// members lose power, freeze, leave, lose sight of each other, ssids crash, guards restart, fence agents and
/// migrations fail, and commits time out. After each single step no guest runs twice; when all is healed, everything
/// that should run does, once. SSI_SIM_SEEDS and SSI_SIM_FIRST choose the seeds; a failure prints its seed.

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "lib/common/log.hpp"
#include "tests/sim/sim_cluster.hpp"
#include "tests/sim/sim_seeds.hpp"

namespace ssi::sim {
namespace {

using namespace std::chrono_literals;

GuestName guest_name(int number) {
    return GuestName::parse("g" + std::to_string(number)).value();
}

/// One random act of a user or of fate.
void act(Cluster& cluster) {
    auto& world = cluster.world;
    auto& host = *cluster.hosts[static_cast<std::size_t>(world.number(static_cast<int>(cluster.hosts.size())))];
    auto& other = *cluster.hosts[static_cast<std::size_t>(world.number(static_cast<int>(cluster.hosts.size())))];
    const auto guest = guest_name(1 + world.number(3));
    switch (world.number(cluster.has_pdr ? 22 : 20)) {
        case 0:
        case 1:
        case 2:
        case 3:
            return cluster.virsh_start(host, guest);
        case 4:
            return cluster.virsh_destroy(host, guest);
        case 5:
        case 6:
        case 7:
        case 8:
            return cluster.relocate(host, guest, other.name);
        case 9:
            return host.crash_ssid();
        case 10:
            if (world.chance(0.4)) host.cut_power();
            return;
        case 11:
        case 12:
            return host.boot();
        case 13:
            host.side = world.chance(0.3) ? 1 : 0;
            return cluster.update_majorities();
        case 14:
            if (host.machine.is_frozen()) return host.machine.thaw();
            if (host.is_up() && world.chance(0.3)) host.machine.freeze();
            return;
        case 15:
            if (world.chance(0.3)) return cluster.virsh_save(host, guest);
            return cluster.virsh_suspend(host, guest);
        case 16:
            return cluster.virsh_resume(host, guest);
        case 17:
            return cluster.virsh_start(host, guest, world.chance(0.5) ? Origin::kStartPaused : Origin::kRestore);
        case 18:
            if (world.chance(0.5)) return host.restart_guard();
            return cluster.leave(host);
        case 20:
            host.pdr_fault = static_cast<PdrFault>(world.number(4));
            return;
        case 21:
            if (world.chance(0.2))
                for (const auto& one : cluster.hosts) one->pdr_fault = PdrFault::kUnreadable;
            else
                for (const auto& one : cluster.hosts) one->pdr_fault = PdrFault::kNone;
            return;
        default:
            cluster.fence_time = world.chance(0.2) ? 20s : 800ms;
            host.reach.unknown_rate = world.chance(0.5) ? 0.2 : 0;
            host.reach.watch_breaks = world.chance(0.3) ? 0.02 : 0;
            host.reach.watch_lag = world.chance(0.3) ? 900ms : 20ms;
            cluster.fence_failures = world.chance(0.5) ? 0.3 : 0;
            cluster.migration_failures = world.chance(0.5) ? 0.3 : 0;
    }
}

struct Totals {
    int starts = 0, refusals = 0, moves = 0, fences = 0, expiries = 0, resets = 0;
};

/// Every other cluster has a PDR; of these every fourth has no fence agent, so that only time proves a death.
void equip(Cluster& cluster, std::uint64_t seed) {
    cluster.has_agents = seed % 8 != 0;
    cluster.late_deaths = 0.2;
    for (const auto& host : cluster.hosts) {
        const auto kind = cluster.world.number(10);
        host->watchdog = kind < 7   ? SimWatchdog::kHardware
                         : kind < 8 ? SimWatchdog::kSoft
                         : kind < 9 ? SimWatchdog::kUnarmed
                                    : SimWatchdog::kNone;
    }
}

void run_seed(std::uint64_t seed, Totals& totals) {
    Cluster cluster(3 + static_cast<int>(seed % 3), seed, seed % 2 == 0);
    auto& world = cluster.world;
    equip(cluster, seed);
    const auto check = [&] { cluster.check(); };
    for (const auto& host : cluster.hosts) host->boot();
    world.run_until(world.now() + 3s, check);
    for (int step = 0; step < 120; ++step) {
        act(cluster);
        world.run_until(world.now() + world.between(0ms, 1200ms), check);
    }
    // Those that are off stay so until the fence has been confirmed; then they are booted.
    cluster.heal();
    world.run_until(world.now() + 90s, check);
    for (const auto& host : cluster.hosts) host->boot();
    world.run_until(world.now() + 150s, check);

    const auto& state = cluster.hosts.front()->node->view.state();
    for (const auto& host : cluster.hosts) {
        // A member that was declared dead while it was only cut off stays out until its host is rebooted.
        if (state.member(host->name)->state == cluster::MemberState::kDown) continue;
        EXPECT_TRUE(host->node->membership.life()) << host->name.str() << " is not Joined";
        for (const auto& [pid, qemu] : host->qemus) {
            const auto* residency = state.residency(qemu.guest);
            ASSERT_NE(residency, nullptr) << qemu.guest.str() << " runs without a residency";
            EXPECT_EQ(residency->home.member, host->name);
        }
    }
    for (const auto& [guest, residency] : state.residencies()) {
        EXPECT_EQ(residency.value.phase, cluster::Phase::kRunning) << guest.str() << " " << residency.value.reason;
        auto* qemu = cluster.host(residency.value.home.member)->find(guest);
        ASSERT_NE(qemu, nullptr) << guest.str() << " is resident but does not run";
        EXPECT_TRUE(qemu->executes || qemu->paused_by_user) << guest.str();
    }
    totals.starts += cluster.starts;
    totals.refusals += cluster.refusals;
    totals.moves += cluster.moves;
    totals.fences += cluster.fences;
    totals.expiries += cluster.expiries;
    totals.resets += cluster.resets;
}

TEST(Cluster, no_guest_runs_twice_whatever_fails_R1) {
    log::set_level(log::Level{static_cast<int>(environment_number("SSI_SIM_LOG", 2))});
    Totals totals;
    const auto seeds = for_each_seed([&](std::uint64_t seed) { run_seed(seed, totals); });
    if (HasFailure()) return;
    // A simulation in which nothing happens proves nothing.
    EXPECT_GT(totals.starts, static_cast<int>(seeds));
    EXPECT_GT(totals.refusals, static_cast<int>(seeds));
    EXPECT_GT(totals.moves, static_cast<int>(seeds) / 4);
    EXPECT_GT(totals.fences, static_cast<int>(seeds) / 4);
    EXPECT_GT(totals.expiries, static_cast<int>(seeds) / 10);
    EXPECT_GT(totals.resets, static_cast<int>(seeds) / 10);
    std::printf("%llu seeds: %d starts, %d refusals, %d moves, %d fences, %d leases lost, %d resets\n",
                static_cast<unsigned long long>(seeds), totals.starts, totals.refusals, totals.moves, totals.fences,
                totals.expiries, totals.resets);
}

/// Three members with a PDR, and a guest on the third.
class WithPdr : public testing::Test {
  protected:
    void SetUp() override {
        for (const auto& host : cluster_.hosts) host->boot();
        pass(6s);
        cluster_.virsh_start(third_, g_);
        pass(5s);
        ASSERT_NE(third_.find(g_), nullptr);
    }
    void pass(Duration time) {
        cluster_.world.run_until(cluster_.world.now() + time, [&] { cluster_.check(); });
    }
    [[nodiscard]] bool runs_on(Host& host) {
        const auto* qemu = host.find(g_);
        return qemu != nullptr && qemu->executes;
    }
    void every_pdr(PdrFault fault) {
        for (const auto& host : cluster_.hosts) host->pdr_fault = fault;
    }
    Cluster cluster_{3, 1, true};
    Host& third_ = *cluster_.hosts[2];
    GuestName g_ = guest_name(1);
};

TEST_F(WithPdr, a_member_whose_links_are_cut_is_not_fenced_and_its_guest_runs_on_R5) {
    const auto pid = third_.find(g_)->pid;
    third_.side = 1;
    cluster_.update_majorities();
    pass(120s);
    EXPECT_EQ(cluster_.fences, 0);
    ASSERT_TRUE(runs_on(third_));
    cluster_.heal();
    pass(20s);
    EXPECT_EQ(cluster_.fences, 0);
    ASSERT_TRUE(runs_on(third_));
    EXPECT_EQ(third_.find(g_)->pid, pid);
}

TEST_F(WithPdr, a_member_without_power_is_fenced_when_its_slot_stands_still_too) {
    third_.cut_power();
    pass(30s);
    EXPECT_EQ(cluster_.fences, 1);
    EXPECT_TRUE(runs_on(*cluster_.hosts[0]) || runs_on(*cluster_.hosts[1]));
}

TEST_F(WithPdr, a_pdr_that_nobody_can_read_proves_nothing_R4) {
    for (const auto fault : {PdrFault::kUnreadable, PdrFault::kStale, PdrFault::kUnwritable}) {
        every_pdr(fault);
        pass(5s);
        third_.cut_power();
        pass(60s);
        EXPECT_EQ(cluster_.fences, 0) << static_cast<int>(fault);
        third_.boot();
        pass(30s);
    }
    third_.cut_power();
    every_pdr(PdrFault::kNone);
    pass(90s);
    EXPECT_EQ(cluster_.fences, 1);
}

TEST_F(WithPdr, with_the_pdr_lost_for_all_everybody_lives) {
    every_pdr(PdrFault::kUnreadable);
    pass(120s);
    EXPECT_EQ(cluster_.fences, 0);
    EXPECT_TRUE(runs_on(third_));
}

TEST_F(WithPdr, without_a_fence_agent_a_member_without_power_is_dead_when_its_time_is_over_SAFETY_13b) {
    cluster_.has_agents = false;  // of an ssid that starts from now on
    for (const auto& host : cluster_.hosts) {
        host->watchdog = SimWatchdog::kHardware;
        host->cut_power();
    }
    for (const auto& host : cluster_.hosts) host->boot();
    pass(30s);
    if (third_.find(g_) == nullptr) cluster_.virsh_start(third_, g_);
    pass(10s);
    Host& home = **std::ranges::find_if(cluster_.hosts, [&](const auto& host) { return runs_on(*host); });
    home.cut_power();
    pass(11s);  // T_dead is 12 s
    EXPECT_TRUE(std::ranges::none_of(cluster_.hosts, [&](const auto& host) { return runs_on(*host); }));
    pass(6s);
    EXPECT_TRUE(std::ranges::any_of(cluster_.hosts, [&](const auto& host) { return runs_on(*host); }));
    EXPECT_EQ(cluster_.fences, 0);
}

TEST_F(WithPdr, both_signs_lost_ends_the_lease_and_every_guest_with_it_SAFETY_7) {
    cluster_.fence_failures = 1;
    third_.side = 1;
    third_.pdr_fault = PdrFault::kUnreadable;
    cluster_.update_majorities();
    pass(4s);
    EXPECT_TRUE(runs_on(third_)) << "its lease holds still";
    pass(3s);
    EXPECT_EQ(third_.find(g_), nullptr);
    EXPECT_EQ(cluster_.expiries, 1);
    cluster_.heal();
    pass(40s);
    EXPECT_TRUE(std::ranges::any_of(cluster_.hosts, [&](const auto& host) { return runs_on(*host); }))
        << "it did not end by itself, so it is started again";
}

/// A guest on its way from M1 to M2, and what `fate` does after each step.
class OneMove : public testing::Test {
  protected:
    void play(const std::function<void()>& fate) {
        const auto step = [&] {
            fate();
            cluster_.check();
        };
        for (const auto& host : cluster_.hosts) host->boot();
        cluster_.world.run_until(cluster_.world.now() + 3s, step);
        cluster_.virsh_start(source_, g_);
        cluster_.world.run_until(cluster_.world.now() + 5s, step);
        cluster_.relocate(source_, g_, destination_.name);
        cluster_.world.run_until(cluster_.world.now() + 120s, step);
    }
    [[nodiscard]] int running() {
        int count = 0;
        for (const auto& host : cluster_.hosts)
            if (const auto* qemu = host->find(g_); qemu != nullptr && qemu->executes) ++count;
        return count;
    }
    Cluster cluster_{3, 1};
    Host& source_ = *cluster_.hosts[0];
    Host& destination_ = *cluster_.hosts[1];
    GuestName g_ = guest_name(1);
};

TEST_F(OneMove, to_a_member_that_dies_as_soon_as_the_guest_runs_there_starts_it_anew_R3) {
    play([&] {
        if (const auto* there = destination_.find(g_); there != nullptr && there->executes) destination_.cut_power();
    });
    EXPECT_FALSE(destination_.is_up());
    EXPECT_EQ(running(), 1);
}

TEST_F(OneMove, to_a_member_that_dies_before_the_hand_over_changes_nothing) {
    std::int64_t pid = 0;
    play([&] {
        if (destination_.find(g_) == nullptr) return;
        pid = source_.find(g_)->pid;
        destination_.cut_power();
    });
    ASSERT_NE(source_.find(g_), nullptr);
    EXPECT_EQ(source_.find(g_)->pid, pid);
    EXPECT_TRUE(source_.find(g_)->executes);
}

TEST_F(OneMove, of_a_guest_that_is_paused_after_the_hand_over_was_armed_does_not_lose_it_R8) {
    play([&] {
        for (const auto& entry : source_.rights.rights())
            if (entry.leaving && !source_.migrating.contains(g_)) cluster_.virsh_suspend(source_, g_);
    });
    ASSERT_NE(source_.find(g_), nullptr);
    EXPECT_TRUE(source_.find(g_)->paused_by_user);
}

}  // namespace
}  // namespace ssi::sim
