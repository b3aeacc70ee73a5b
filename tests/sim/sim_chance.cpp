#include "tests/sim/sim_chance.hpp"

#include <format>
#include <functional>

#include "tests/sim/sim_cluster.hpp"

namespace ssi::sim {
namespace {

using namespace std::chrono_literals;

/// One random act of a user or of fate.
void act(Cluster& cluster) {
    auto& world = cluster.world;
    auto& host = *cluster.hosts[static_cast<std::size_t>(world.number(static_cast<int>(cluster.hosts.size())))];
    auto& other = *cluster.hosts[static_cast<std::size_t>(world.number(static_cast<int>(cluster.hosts.size())))];
    const auto guest = guest_name(1 + world.number(3));
    switch (world.number(cluster.has_pdr ? 23 : 20)) {
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
            if (host.is_up() && !host.is_helpless() && world.chance(0.3)) host.machine.freeze();
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
            host.pdr_fault = static_cast<PdrFault>(world.number(5));
            host.pdr_delay = world.chance(0.7) ? 2500ms : 15s;
            // Its links are in the same cabinet.
            if (host.pdr_fault != PdrFault::kSlow || !world.chance(0.5)) return;
            host.side = 1;
            return cluster.update_majorities();
        case 21:
            if (world.chance(0.2))
                for (const auto& one : cluster.hosts) one->pdr_fault = PdrFault::kUnreadable;
            else
                for (const auto& one : cluster.hosts) one->pdr_fault = PdrFault::kNone;
            return;
        case 22:
            if (world.chance(0.5)) return host.mend_watchdog();
            host.break_watchdog();
            if (world.chance(0.3))
                world.after(cluster.timing.lease + world.between(1s, 4s), [&cluster, &host] {
                    if (!cluster.is_healed && host.is_up() && !host.is_helpless()) host.machine.freeze();
                });
            return;
        default:
            cluster.fence_time = world.chance(0.2) ? 20s : 800ms;
            host.reach.unknown_rate = world.chance(0.5) ? 0.2 : 0;
            host.reach.watch_breaks = world.chance(0.3) ? 0.2 : 0;
            host.reach.watch_lag = world.chance(0.3) ? 900ms : 20ms;
            cluster.fence_failures = world.chance(0.5) ? 0.3 : 0;
            cluster.migration_failures = world.chance(0.5) ? 0.3 : 0;
    }
}

/// Every other cluster has a PDR, and two to five members: two have a witness. Of these every fourth has no fence
/// agent, so that only time proves a death; the others have up to three.
void equip(Cluster& cluster, std::uint64_t seed) {
    cluster.agents = static_cast<int>(seed / 2 % 4);
    cluster.late_deaths = 0.2;
    for (const auto& host : cluster.hosts) {
        const auto kind = cluster.world.number(10);
        host->watchdog = kind < 7   ? SimWatchdog::kHardware
                         : kind < 8 ? SimWatchdog::kSoft
                         : kind < 9 ? SimWatchdog::kUnarmed
                                    : SimWatchdog::kNone;
    }
}

/// Of two members one dies while the other has a guest: chance alone seldom leaves one time enough to be alone.
void be_alone(Cluster& cluster, const std::function<void()>& check) {
    auto& world = cluster.world;
    world.run_until(world.now() + 20s, check);
    cluster.virsh_start(*cluster.hosts.front(), guest_name(1));
    world.run_until(world.now() + 3s, check);
    auto& alone = *cluster.hosts.front();
    cluster.hosts.back()->cut_power();
    // Its way to the PDR may break at the very moment when it is told, or later; the other boots where it sees no sign.
    const bool breaks_at_once = world.chance(0.3);
    world.run_until(world.now() + 40s, [&] {
        check();
        if (breaks_at_once && alone.alone == true && !alone.lone_word.is_read_back())
            alone.pdr_fault = PdrFault::kUnwritable;
    });
    if (world.chance(0.3)) alone.restart_guard();
    world.run_until(world.now() + 2s, check);
    if (world.chance(0.5)) return;
    alone.pdr_fault = PdrFault::kUnreadable;
    alone.side = world.chance(0.5) ? 1 : 0;
    cluster.hosts.back()->boot();
    world.run_until(world.now() + cluster.timing.boot + 40s, check);
}

/// After all was healed and had its time.
std::vector<std::string> what_is_wrong(Cluster& cluster) {
    std::vector<std::string> wrong;
    const auto sees = std::ranges::find_if(cluster.hosts, [](const auto& host) { return host->node != nullptr; });
    if (sees == cluster.hosts.end()) return {"nobody runs ssid"};
    const auto& state = (*sees)->node->view.state();
    for (const auto& host : cluster.hosts) {
        // A member that was declared dead while it was only cut off stays out until its host is rebooted. So does one
        // that was fenced as it booted: before that there was no majority to do it.
        const auto* record = state.member(host->name);
        if (record != nullptr && record->state == cluster::MemberState::kDown) continue;
        if (host->node == nullptr || !host->node->membership.life())
            wrong.push_back(host->name.str() + " is not Joined");
        for (const auto& [pid, qemu] : host->qemus) {
            const auto* residency = state.residency(qemu.guest);
            if (residency == nullptr || residency->home.member != host->name)
                wrong.push_back(std::format("{} runs on {} without a residency", qemu.guest.str(), host->name.str()));
        }
    }
    for (const auto& [guest, residency] : state.residencies()) {
        const auto& value = residency.value;
        // Chance killed its members one after the other: it waits for an operator.
        if (value.restarts > state.policy(guest).limit) continue;
        const auto* qemu = cluster.host(value.home.member)->find(guest);
        if (value.phase != cluster::Phase::kRunning || qemu == nullptr)
            wrong.push_back(std::format("{} should run on {}, and does not ({}{}): {}", guest.str(),
                                        value.home.member.str(), text_of(value.phase),
                                        qemu == nullptr ? "" : ", with a QEMU", value.reason));
        else if (!qemu->executes && !qemu->paused_by_user)
            wrong.push_back(guest.str() + " is paused, by nobody");
    }
    return wrong;
}

/// Nobody waits for a proof any more: who is not Joined in this very life is known to be Down, and no fencing is open.
bool who_is_off_is_known_to_be(Cluster& cluster) {
    const auto sees = std::ranges::find_if(cluster.hosts, [](const auto& host) {
        return host->is_up() && host->node != nullptr && host->node->membership.has_majority();
    });
    if (sees == cluster.hosts.end()) return false;
    const auto& state = (*sees)->node->view.state();
    return std::ranges::none_of(cluster.hosts, [&](const auto& host) {
        const auto* record = state.member(host->name);
        const bool is_joined = record != nullptr && record->state == cluster::MemberState::kJoined;
        const bool lives = host->is_up() && host->node != nullptr && host->node->membership.life();
        return state.fence(host->name) != nullptr || (is_joined && !lives);
    });
}

/// At most so long: most seeds are as they should be much sooner, and twice in a row.
void let_it_settle(Cluster& cluster, Duration most, const std::function<bool(Cluster&)>& is_settled) {
    auto& world = cluster.world;
    const auto end = world.now() + most;
    for (int looks = 0; looks < 2 && world.now() < end;) {
        world.run_until(world.now() + 10s, [&] { cluster.check(); });
        looks = is_settled(cluster) ? looks + 1 : 0;
    }
}

}  // namespace

Totals& Totals::operator+=(const Totals& other) {
    starts += other.starts;
    refusals += other.refusals;
    moves += other.moves;
    fences += other.fences;
    expiries += other.expiries;
    resets += other.resets;
    lone_lapses += other.lone_lapses;
    return *this;
}

GuestName guest_name(int number) {
    return GuestName::parse("g" + std::to_string(number)).value();
}

std::vector<std::string> play_by_chance(std::uint64_t seed, Totals& totals) {
    const bool has_pdr = seed % 2 == 0;
    Cluster cluster(static_cast<int>(has_pdr ? 2 + seed / 8 % 4 : 3 + seed % 3), seed, has_pdr);
    auto& world = cluster.world;
    equip(cluster, seed);
    const auto check = [&] { cluster.check(); };
    for (const auto& host : cluster.hosts) host->boot();
    world.run_until(world.now() + 3s, check);
    if (cluster.witness && seed / 32 % 2 == 0) be_alone(cluster, check);
    for (int step = 0; step < 120; ++step) {
        act(cluster);
        world.run_until(world.now() + world.between(0ms, 1200ms), check);
    }
    // Those that are off stay so until the fence has been confirmed; then they are booted.
    cluster.heal();
    let_it_settle(cluster, 90s, &who_is_off_is_known_to_be);
    for (const auto& host : cluster.hosts) host->boot();
    let_it_settle(cluster, 150s, [](Cluster& all) { return what_is_wrong(all).empty(); });

    auto wrong = what_is_wrong(cluster);
    totals += {cluster.starts,   cluster.refusals, cluster.moves,      cluster.fences,
               cluster.expiries, cluster.resets,   cluster.lone_lapses};
    return wrong;
}

}  // namespace ssi::sim
