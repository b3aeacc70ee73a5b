/// R1 under chance (sim_chance.hpp): after each single step no guest runs twice; when all is healed, everything that
/// should run does, once. SSI_SIM_SEEDS (SSI_SIM_CLUSTER_SEEDS: of this test alone) and SSI_SIM_FIRST choose the seeds,
/// which are played on all cores; a failure prints its seed.

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "lib/common/log.hpp"
#include "tests/sim/sim_chance.hpp"
#include "tests/sim/sim_cluster.hpp"
#include "tests/sim/sim_seeds.hpp"
#include "tests/sim/sim_shares.hpp"

namespace ssi::sim {
namespace {

using namespace std::chrono_literals;

TEST(Cluster, no_guest_runs_twice_whatever_fails_R1) {
    log::set_level(log::Level{static_cast<int>(environment_number("SSI_SIM_LOG", 2))});
    Totals totals;
    const auto seeds = environment_number("SSI_SIM_CLUSTER_SEEDS", number_of_seeds());
    for (const auto& share : play_on_all_cores(first_seed(), seeds)) {
        if (!share.wrong.empty()) ADD_FAILURE() << share.wrong;
        totals += share.totals;
    }
    if (HasFailure()) return;
    // A simulation in which nothing happens proves nothing; of what is rare, few seeds need have none.
    EXPECT_GT(totals.starts, static_cast<int>(seeds));
    EXPECT_GT(totals.refusals, static_cast<int>(seeds));
    EXPECT_GT(totals.moves, static_cast<int>(seeds) / 4);
    EXPECT_GE(totals.fences, static_cast<int>(seeds) / 4);
    EXPECT_GE(totals.expiries, static_cast<int>(seeds) / 10);
    EXPECT_GE(totals.resets, static_cast<int>(seeds) / 10);
    EXPECT_GE(totals.lone_lapses, static_cast<int>(seeds) / 200);
    std::printf(
        "%llu seeds: %d starts, %d refusals, %d moves, %d fences, %d leases lost, %d resets, %d ridden out alone\n",
        static_cast<unsigned long long>(seeds), totals.starts, totals.refusals, totals.moves, totals.fences,
        totals.expiries, totals.resets, totals.lone_lapses);
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
    /// All hosts, with what was changed of the cluster, and the guest on one of them: which is returned.
    Host& power_on_again() {
        for (const auto& host : cluster_.hosts) host->cut_power();
        for (const auto& host : cluster_.hosts) host->boot();
        pass(30s);
        if (third_.find(g_) == nullptr) cluster_.virsh_start(third_, g_);
        pass(10s);
        return **std::ranges::find_if(cluster_.hosts, [&](const auto& host) { return runs_on(*host); });
    }
    [[nodiscard]] bool runs_anywhere() {
        return std::ranges::any_of(cluster_.hosts, [&](const auto& host) { return runs_on(*host); });
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
    cluster_.agents = 0;  // of an ssid that starts from now on
    for (const auto& host : cluster_.hosts) host->watchdog = SimWatchdog::kHardware;
    power_on_again().cut_power();
    pass(11s);  // T_dead is 12 s
    EXPECT_FALSE(runs_anywhere());
    pass(6s);
    EXPECT_TRUE(runs_anywhere());
    EXPECT_EQ(cluster_.fences, 0);
}

TEST_F(WithPdr, by_reservations_a_guest_goes_on_elsewhere_when_the_lease_of_its_member_is_over_SAFETY_13c) {
    cluster_.agents = 0;
    cluster_.fenced_volumes = {kGuestVolume};
    power_on_again().cut_power();
    pass(6s);  // the lease takes 5 s, its end up to 2 s more
    EXPECT_EQ(cluster_.stops, 0);
    pass(6s);
    EXPECT_EQ(cluster_.stops, 1);
    EXPECT_TRUE(runs_anywhere());
}

TEST_F(WithPdr, by_reservations_nobody_is_stopped_whose_guest_has_a_disk_elsewhere_SAFETY_13c) {
    cluster_.agents = 0;
    cluster_.fenced_volumes = {"/dev/disk/by-id/scsi-2"};
    power_on_again().cut_power();
    pass(120s);
    EXPECT_EQ(cluster_.stops, 0);
    EXPECT_FALSE(runs_anywhere());
}

TEST_F(WithPdr, by_reservations_a_member_whose_links_are_cut_is_not_stopped_R5) {
    cluster_.agents = 0;
    cluster_.fenced_volumes = {kGuestVolume};
    Host& home = power_on_again();
    home.side = 1;
    cluster_.update_majorities();
    pass(120s);
    EXPECT_EQ(cluster_.stops, 0);
    EXPECT_TRUE(runs_on(home));
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

/// Two members and a witness, a guest on the first; the second dies, and the first is alone.
class Alone : public testing::Test {
  protected:
    void SetUp() override {
        cluster_.agents = 0;
        for (const auto& host : cluster_.hosts) {
            host->watchdog = SimWatchdog::kHardware;
            host->boot();
        }
        pass(30s);
        cluster_.virsh_start(first_, g_);
        pass(5s);
        ASSERT_NE(first_.find(g_), nullptr);
        pid_ = first_.find(g_)->pid;
        second_.cut_power();
        pass(60s);
        ASSERT_TRUE(says_lone(first_));
    }
    void pass(Duration time) {
        cluster_.world.run_until(cluster_.world.now() + time, [&] { cluster_.check(); });
    }
    [[nodiscard]] bool says_lone(const Host& host) { return cluster_.slots.at(host.name).lone; }
    [[nodiscard]] bool is_joined(const Host& host) {
        return host.node != nullptr && host.node->membership.life() && host.node->membership.has_majority();
    }
    [[nodiscard]] bool same_guest_runs() {
        const auto* qemu = first_.find(g_);
        return qemu != nullptr && qemu->executes && qemu->pid == pid_;
    }
    Cluster cluster_{2, 1, true};
    Host& first_ = *cluster_.hosts[0];
    Host& second_ = *cluster_.hosts[1];
    GuestName g_ = guest_name(1);
    std::int64_t pid_ = 0;
};

TEST_F(Alone, it_keeps_its_guests_when_it_loses_the_pdr_and_with_it_the_witness_SAFETY_3) {
    first_.pdr_fault = PdrFault::kUnreadable;
    pass(300s);
    EXPECT_FALSE(is_joined(first_)) << "there is no majority without the witness";
    EXPECT_TRUE(same_guest_runs());
    first_.restart_guard();
    first_.crash_ssid();
    pass(60s);
    EXPECT_TRUE(same_guest_runs()) << "R8";
    first_.pdr_fault = PdrFault::kNone;
    pass(30s);
    EXPECT_TRUE(is_joined(first_));
    EXPECT_TRUE(same_guest_runs());
}

TEST_F(Alone, time_does_not_prove_its_death_to_one_that_boots_where_it_cannot_be_reached) {
    first_.pdr_fault = PdrFault::kUnreadable;
    first_.side = 1;
    second_.boot();
    pass(300s);
    EXPECT_TRUE(same_guest_runs());
    EXPECT_FALSE(is_joined(second_)) << "the witness is not free (SAFETY 12)";
    first_.pdr_fault = PdrFault::kNone;
    first_.side = 0;
    cluster_.update_majorities();
    pass(40s);
    EXPECT_TRUE(is_joined(second_));
    EXPECT_TRUE(same_guest_runs());
}

TEST_F(Alone, it_lets_the_other_in_when_its_slot_no_longer_says_so_and_needs_a_lease_again) {
    second_.boot();
    pass(10s);
    EXPECT_TRUE(is_joined(second_));
    EXPECT_FALSE(says_lone(first_));
    first_.side = 1;
    first_.pdr_fault = PdrFault::kUnreadable;
    cluster_.update_majorities();
    pass(12s);  // the witness goes T_lease after the slot, and the lease T_lease after that
    EXPECT_EQ(first_.find(g_), nullptr);
}

TEST_F(Alone, one_that_cannot_say_that_it_is_alone_no_more_lets_nobody_in) {
    first_.pdr_fault = PdrFault::kUnreadable;
    pass(10s);
    second_.boot();
    pass(60s);
    EXPECT_TRUE(is_joined(first_)) << "two members are a majority";
    EXPECT_FALSE(second_.node->membership.life());
    EXPECT_TRUE(same_guest_runs());
    first_.pdr_fault = PdrFault::kNone;
    pass(10s);
    EXPECT_TRUE(is_joined(second_));
}

TEST_F(Alone, the_other_waits_for_its_boot_when_it_died_so_and_only_agents_could_prove_it) {
    cluster_.agents = 1;  // of an ssid that starts from now on
    first_.cut_power();
    second_.boot();
    pass(60s);
    EXPECT_FALSE(is_joined(second_)) << "who has just booted fences nobody without a majority";
    first_.boot();
    pass(40s);
    EXPECT_TRUE(is_joined(first_));
    EXPECT_TRUE(is_joined(second_));
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

TEST(MoveBetweenTwo, to_a_member_that_dies_as_soon_as_it_is_done_does_not_leave_the_guest_in_its_own_way) {
    Cluster cluster(2, 1, true);
    auto& source = *cluster.hosts[0];
    auto& destination = *cluster.hosts[1];
    const auto guest = guest_name(1);
    int vain_starts = 0;
    const auto pass = [&](Duration time) {
        cluster.world.run_until(cluster.world.now() + time, [&] {
            cluster.check();
            // The source's libvirt does not hear that it was done, and keeps its QEMU.
            if (const auto* there = destination.find(guest); there != nullptr && there->executes)
                cluster.migration_failures = 1;
            const auto* residency = source.node->view.state().residency(guest);
            if (residency == nullptr) return;
            if (residency->home.member == destination.name) destination.cut_power();
            vain_starts = std::max(vain_starts, residency->attempts);
        });
    };
    for (const auto& host : cluster.hosts) host->boot();
    pass(30s);
    cluster.virsh_start(source, guest);
    pass(5s);
    cluster.relocate(source, guest, destination.name);
    pass(60s);
    EXPECT_FALSE(destination.is_up());
    ASSERT_NE(source.find(guest), nullptr);
    EXPECT_TRUE(source.find(guest)->executes);
    EXPECT_EQ(vain_starts, 0);
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
