#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <format>
#include <stdexcept>
#include <utility>

#include "lib/common/mutation.hpp"
#include "tests/sim/sim_cluster.hpp"

namespace ssi::sim {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using boost::asio::co_spawn;
using boost::asio::detached;

namespace {

constexpr int kWorstClock = 10'000;     ///< Millionths: a hundred times as bad as a real one.
constexpr Duration kWithoutSsid = 30s;  ///< As ssi-guard's main gives it.
constexpr Duration kLatestDeath = 20s;  ///< Of a QEMU that hangs in the kernel, after it was killed.

}  // namespace

Host::Host(Cluster& owner, MemberName own)
    : cluster(owner),
      name(std::move(own)),
      machine(owner.world),
      lease(owner.timing.lease),
      witness_lease({owner.timing.lease, kWithoutSsid}, machine.now()) {}
Host::~Host() = default;

bool Host::reaches(const Host& other) const {
    return up_ && other.up_ &&
           (this == &other || (side == other.side && !other.machine.is_frozen() && !machine.is_frozen()));
}

Qemu* Host::find(const GuestName& guest) {
    const auto found = std::ranges::find_if(qemus, [&](const auto& item) { return item.second.guest == guest; });
    return found == qemus.end() ? nullptr : &found->second;
}

void Host::kill_qemu(std::int64_t pid) {
    if (qemus.erase(pid) == 0) return;
    for (const auto& entry : rights.rights())
        if (entry.qemu && entry.qemu->pid == pid) rights.ended(entry.right.run);
    if (node != nullptr) node->guests.poke();
}

void Host::boot() {
    if (up_) return;
    up_ = true;
    ++boots_;
    rights = gate::RightTable();
    boot_record.reset();
    machine.power_on(cluster.world.between(5s, 60s), cluster.world.number(2 * kWorstClock + 1) - kWorstClock);
    migrating.clear();
    cluster.libvirtds.push_back(std::make_unique<Process>(cluster.world, machine));
    libvirtd = cluster.libvirtds.back().get();
    cluster.update_majorities();
    start_ssid();
    if (!cluster.has_pdr) return;
    lease = gate::Lease(cluster.timing.lease);
    witness_lease = gate::WitnessLease({cluster.timing.lease, kWithoutSsid}, machine.now());
    lease_end_.reset();
    to_be_ended_.clear();
    armed_word = gate::SlotWord(is_armed());
    lone_word = gate::SlotWord(false);
    alone.reset();
    feed_watchdog();
    cluster.guards.push_back(std::make_unique<Process>(cluster.world, machine));
    guard = cluster.guards.back().get();
    co_spawn(cluster.world.executor(), beat_on_pdr(*guard), detached);
    co_spawn(cluster.world.executor(), keep_lease(*guard), detached);
}

void Host::renew_lease(BootTime begun, BootTime counted) {
    if (!cluster.has_pdr) return;
    const auto now = machine.now();
    const bool has_lapsed = lease_end_ && now >= *lease_end_;
    // SAFETY 3: nobody counts on its end.
    const bool says_lone = cluster.slots.contains(name) && cluster.slots.at(name).lone;
    if (has_lapsed && says_lone && !qemus.empty()) ++cluster.lone_lapses;
    if (has_lapsed && !says_lone)
        for (const auto& [pid, qemu] : qemus)
            to_be_ended_.try_emplace(
                pid, std::max(*lease_end_, machine.thawed()) + gate::kStopTime + cluster.timing.watchdog + 1s);
    lease_end_ = std::max(lease_end_.value_or(begun + cluster.timing.lease), begun + cluster.timing.lease);
    if (!armed_word.says() && armed_word.is_read_back()) lease.watchdog_is_withdrawn();
    lease.renew(counted, now);
}

/// As gate::LeaseKeeper.
void Host::judge_lone() {
    lone_word.say(lease.judge_lone(alone, lone_word, machine.now()));
}

void Host::check_lease() {
    if (to_be_ended_.empty()) return;
    const auto now = machine.now();
    // Nothing resets this host: a QEMU may hang for as long as it likes, and for a machine that stands still time does.
    const bool has_time = machine.is_frozen() || !is_armed() || fed_ == BootTime{};
    std::erase_if(to_be_ended_, [&](auto& item) {
        if (has_time) item.second = std::max(item.second, now + kLatestDeath + 1s);
        if (!qemus.contains(item.first)) return true;
        if (now > item.second)
            throw std::runtime_error(std::format("guest {} runs on at {} beyond the end of a lease (SAFETY 7)",
                                                 qemus.at(item.first).guest.str(), name.str()));
        return false;
    });
}

Result<void> Host::may_admit() const {
    if (!cluster.has_pdr || lease.admits(machine.now())) return {};
    return failure(ErrorCode::kDoorClosed, "no lease");
}

/// As gate::LeaseKeeper.
awaitable<void> Host::keep_lease(Process& process) {
    while (true) {
        const auto now = process.now();
        if (lease.expire(now)) {
            ++cluster.expiries;
            stop_writers();
        }
        if (lease.may_feed(now)) feed_watchdog();
        watch_witness();
        auto next = cluster.timing.beat;
        if (const auto deadline = lease.deadline(); deadline && !lease.is_lone())
            next = std::clamp(Duration(*deadline - now), Duration(1), next);
        if (const auto deadline = witness_lease.deadline())
            next = std::clamp(Duration(*deadline - now), Duration(1), next);
        co_await process.sleep(next);
        if (process.is_dead()) co_await process.never();
    }
}

/// As gate::WitnessGuard.
void Host::watch_witness() {
    if (!cluster.witness) return;
    witness_lease.attend(node != nullptr, machine.now());
    if (witness_lease.must_end(cluster.witness->runs_on(*this), machine.now())) cluster.witness->end_on(*this);
}

void Host::stop_writers() {
    rights.outlive();
    if (cluster.witness) cluster.witness->end_on(*this);
    auto& world = cluster.world;
    // A QEMU that hangs in the kernel dies late.
    const bool hangs = world.chance(cluster.late_deaths) && !is_helpless();
    const auto takes = world.between(0ms, hangs ? kLatestDeath : 100ms);
    world.after(takes, [this, boots = boots_] {
        machine.when_thawed([this, boots] {
            if (boots != boots_ || !up_) return;
            for (const auto& entry : rights.rights())
                if (entry.doomed && entry.qemu) kill_qemu(entry.qemu->pid);
            lease.clear();
        });
    });
}

bool Host::is_armed() const {
    const bool is_kind = watchdog == SimWatchdog::kSoft || watchdog == SimWatchdog::kHardware;
    return is_kind && !watchdog_is_broken_;
}

void Host::break_watchdog() {
    if (machine.is_frozen()) return;
    watchdog_is_broken_ = true;
    fed_ = {};
    broke_ = cluster.world.now();
}

bool Host::is_helpless() const {
    const bool is_withdrawn = !armed_word.says() && armed_word.is_read_back();
    return watchdog_is_broken_ && !is_withdrawn &&
           cluster.world.now() - broke_ <= cluster.timing.lease + gate::kStopTime;
}

void Host::feed_watchdog() {
    lease.watchdog_works(is_armed());
    if (!mutated(Mutation::kBrokenWatchdogTrusted)) armed_word.say(is_armed());
    if (!is_armed()) return;
    auto& world = cluster.world;
    fed_ = world.now();
    world.after(cluster.timing.watchdog, [this, boots = boots_, fed = fed_] {
        const auto bite = [this, boots, fed] {
            if (boots != boots_ || !up_ || fed_ != fed) return;
            ++cluster.resets;
            cut_power();
        };
        if (watchdog == SimWatchdog::kHardware) return bite();
        machine.when_thawed(bite);
    });
}

awaitable<void> Host::beat_on_pdr(Process& process) {
    std::optional<std::uint64_t> written;
    while (true) {
        co_await process.sleep(cluster.timing.beat);
        if (process.is_dead()) co_await process.never();
        const bool says_armed = armed_word.says();
        const bool says_lone = lone_word.says();
        auto pass = read_pdr(written);
        co_await wait_for_disk(process);
        if (process.is_dead()) co_await process.never();
        write_pdr(pass, written, says_armed, says_lone);
        co_await wait_for_disk(process);
        co_await process.travel();
        if (process.is_dead()) co_await process.never();
        const bool late = mutated(Mutation::kRenewalFromCompletion);
        if (pass.renewed) renew_lease(*pass.renewed, late ? process.now() : *pass.renewed);
        if (cluster.witness && pass.renewed) {
            watch_witness();
            witness_lease.renew(*pass.renewed, machine.now());
        }
        if (pass.fresh) judge_lone();
        tell_ssid(pass);
        if (cluster.witness) cluster.witness->look(*this, pass);
    }
}

void Host::tell_ssid(const cluster::PdrPass& pass) {
    if (node == nullptr) return;
    const auto now = machine.now();
    node->pdr.look(pass, now);
    node->describe();
    if (!node->membership.life() || !node->membership.has_majority()) return;
    node->watch.look_again(node->view.state(), now);
    node->fencing.consider();
}

awaitable<void> Host::wait_for_disk(Process& process) {
    if (pdr_fault == PdrFault::kSlow) co_await process.sleep(cluster.world.between(pdr_delay / 2, pdr_delay));
}

/// As gate::PdrBeat.
cluster::PdrPass Host::read_pdr(std::optional<std::uint64_t> written) {
    if (pdr_fault != PdrFault::kStale) stale_slots_ = cluster.slots;
    cluster::PdrPass pass;
    pass.fresh = false;
    pass.read = machine.now();
    if (pdr_fault == PdrFault::kUnreadable) return pass;
    const auto& seen = stale_slots_;
    for (const auto& [member, slot] : seen) pass.slots.push_back(slot);
    const auto own = seen.find(name);
    pass.fresh = written && own != seen.end() && own->second.counter == *written;
    if (pass.fresh) armed_word.read_back(own->second.armed);
    if (pass.fresh) lone_word.read_back(own->second.lone);
    if (pass.fresh) pass.renewed = begun_;
    return pass;
}

void Host::write_pdr(cluster::PdrPass& pass, std::optional<std::uint64_t>& written, bool says_armed, bool says_lone) {
    if (pdr_fault == PdrFault::kUnreadable) return;
    begun_ = machine.now();
    if (pdr_fault == PdrFault::kUnwritable) {
        written.reset();
        pass.fresh = false;
        return;
    }
    const auto own = stale_slots_.find(name);
    written = std::max(own == stale_slots_.end() ? 0 : own->second.counter, written.value_or(0)) + 1;
    cluster.slots[name] = {name,
                           boot_record.value_or(Incarnation{}),
                           *written,
                           cluster.timing.lease,
                           cluster.timing.watchdog,
                           watchdog == SimWatchdog::kSoft ? pdr::WatchdogKind::kSoft : pdr::WatchdogKind::kHardware,
                           says_armed,
                           says_lone};
    slot_sign.move(cluster.world.now(), cluster.patience());
}

void Host::cut_power() {
    if (!up_) return;
    up_ = false;
    qemus.clear();
    if (cluster.witness) cluster.witness->end_on(*this);
    rights = gate::RightTable();
    boot_record.reset();
    machine.forget();
    libvirtd->kill();
    if (guard != nullptr) guard->kill();
    if (node != nullptr) node->process.kill();
    node = nullptr;
    cluster.update_majorities();
}

void Host::start_ssid() {
    if (!up_ || node != nullptr) return;
    cluster.nodes.push_back(std::make_unique<Node>(*this));
    node = cluster.nodes.back().get();
    const auto executor = cluster.world.executor();
    co_spawn(executor, node->view.follow(), detached);
    co_spawn(executor, node->membership.run(), detached);
    co_spawn(executor, node->guests.run(), detached);
    co_spawn(executor, node->relocations.run(), detached);
}

void Host::crash_ssid() {
    if (node == nullptr) return;
    node->process.kill();
    node = nullptr;
    alone.reset();
    cluster.world.after(cluster.world.between(100ms, 900ms), [this, boots = boots_] {
        if (boots == boots_) machine.when_thawed([this] { start_ssid(); });
    });
}

void Host::restart_guard() {
    if (!up_) return;
    rights = gate::RightTable::from_json(rights.to_json()).value();
    rights.reopen_if_empty();
    const auto kept = lease.memory();
    lease = gate::Lease(cluster.timing.lease);
    lease.remember(kept);
    lease.watchdog_works(is_armed());
    const auto kept_for_witness = witness_lease.memory();
    witness_lease = gate::WitnessLease({cluster.timing.lease, kWithoutSsid}, machine.now());
    witness_lease.remember(kept_for_witness);
    lone_word = gate::SlotWord(lease.is_lone() && !mutated(Mutation::kLoneForgottenByGuard));
    if (node != nullptr) node->describe();
    if (node != nullptr) node->guests.poke();
}

}  // namespace ssi::sim
