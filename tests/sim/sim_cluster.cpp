#include "tests/sim/sim_cluster.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <format>
#include <stdexcept>
#include <utility>

#include "daemons/ssid/state/registration_rules.hpp"
#include "lib/common/mutation.hpp"
#include "lib/common/notifier.hpp"

namespace ssi::sim {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using boost::asio::co_spawn;
using boost::asio::detached;
using cluster::CancelOutcome;
using cluster::DomainInfo;
using cluster::DomainState;
using cluster::HookRequest;
using cluster::MigrationTimes;
using cluster::Right;
using cluster::RightKind;

namespace {

constexpr Duration kLatestDeath = 20s;  ///< Of a QEMU that hangs in the kernel, after it was killed.

std::string xml_of(const GuestName& guest) {
    return std::format(
        "<domain><name>{}</name><uuid>{}</uuid><devices><disk type='block'><source dev='{}'/>"
        "</disk></devices></domain>",
        guest.str(), uuid_of(guest).str(), kGuestVolume);
}

class SimGuard final : public cluster::GuardLink {
  public:
    SimGuard(Host& host, Process& process) : host_(host), process_(process) {}

    awaitable<Result<std::vector<Right>>> rights() override {
        co_await arrive();
        host_.rights.expire(process_.now());
        std::vector<Right> all;
        for (const auto& entry : host_.rights.rights()) all.push_back(entry.right);
        co_await process_.travel();
        co_return all;
    }
    awaitable<Result<void>> grant(GuestName guest, GuestUuid uuid, RunId run, RightKind kind,
                                  Duration lifetime) override {
        co_await arrive();
        if (auto admitted = host_.may_admit(); !admitted) co_return admitted;
        auto granted = host_.rights.grant(guest, uuid, run, kind, lifetime, process_.now());
        co_await process_.travel();
        co_return granted;
    }
    awaitable<Result<void>> hand_over(GuestName guest, RunId run) override {
        co_await arrive();
        co_return host_.rights.hand_over(guest, run);
    }
    awaitable<Result<void>> keep(GuestName guest, RunId run) override {
        co_await arrive();
        co_return host_.rights.keep(guest, run);
    }
    awaitable<Result<CancelOutcome>> cancel(GuestName guest, RunId run) override {
        co_await arrive();
        const auto cancelled = host_.rights.cancel(guest, run);
        if (cancelled.kill) host_.kill_qemu(cancelled.kill->pid);
        co_await process_.travel();
        co_return cancelled.outcome;
    }
    awaitable<Result<void>> revoke(GuestName guest, RunId run, bool kill) override {
        co_await arrive();
        const auto revoked = host_.rights.revoke(guest, run, kill);
        if (!revoked) co_return std::unexpected(revoked.error());
        if (revoked->kill) host_.kill_qemu(revoked->kill->pid);
        co_return Result<void>{};
    }
    awaitable<Result<void>> describe(cluster::SlotFacts facts) override {
        co_await arrive();
        host_.alone = facts.alone;
        co_return Result<void>{};
    }
    awaitable<Result<void>> renew(BootTime begun) override {
        co_await arrive();
        host_.renew_lease(begun, begun);
        co_return Result<void>{};
    }
    awaitable<Result<void>> expel() override {
        co_await arrive();
        for (const auto& qemu : host_.rights.expel()) host_.kill_qemu(qemu.pid);
        co_return Result<void>{};
    }

  private:
    /// One socket: calls arrive in the order in which they were made.
    awaitable<void> arrive() {
        const auto at = std::max(last_arrival_, process_.now() + process_.world().between(0ms, 8ms));
        last_arrival_ = at + 1ms;
        co_await process_.sleep(at - process_.now());
        if (process_.is_dead()) co_await process_.never();
    }
    Host& host_;
    Process& process_;
    BootTime last_arrival_{};
};

/// libvirt, as the probes saw it: hook, REGISTER in the child, one-shot REGISTER before the CPUs run.
class SimHypervisor final : public cluster::Hypervisor {
  public:
    SimHypervisor(Host& host, Process& ssid) : host_(host), ssid_(ssid), process_(*host.libvirtd) {}

    awaitable<Result<std::vector<DomainInfo>>> domains() override {
        co_await process_.travel();
        std::vector<DomainInfo> all;
        for (const auto& [pid, qemu] : host_.qemus)
            all.push_back({qemu.guest, qemu.uuid,
                           qemu.executes         ? DomainState::kRunning
                           : qemu.paused_by_user ? DomainState::kPaused
                                                 : DomainState::kPausedByMigration,
                           host_.migrating.contains(qemu.guest)});
        co_return all;
    }
    awaitable<Result<void>> start_from(Origin origin, GuestName guest) {
        co_return co_await in_libvirtd(start_domain(host_.name, guest, origin));
    }
    awaitable<Result<void>> start(MemberName member, GuestName guest, std::string /*xml*/) override {
        co_return co_await in_libvirtd(start_domain(member, guest, Origin::kStart));
    }
    awaitable<Result<void>> shutdown(MemberName member, GuestName guest) override {
        co_return co_await destroy(member, guest);
    }
    awaitable<Result<void>> destroy(MemberName member, GuestName guest) override {
        co_return co_await in_libvirtd(destroy_domain(member, guest));
    }
    awaitable<Result<void>> resume(GuestName guest) override { co_return co_await in_libvirtd(resume_domain(guest)); }
    awaitable<Result<MigrationTimes>> migrate(cluster::MigrationRequest request) override {
        co_return co_await in_libvirtd(migrate_domain(std::move(request)));
    }
    awaitable<Result<void>> abort_migration(GuestName) override { co_return Result<void>{}; }
    awaitable<Result<std::string>> definition(GuestName guest) override { co_return xml_of(guest); }

    static gate::QemuOwner owner_of(const Qemu& qemu) {
        return {qemu.uuid, qemu.guest.str(), qemu.pid, qemu.awaits_migration};
    }
    /// The moment before the first instruction: the door is asked.
    static Result<void> set_running(Host& target, std::int64_t pid) {
        const auto found = target.qemus.find(pid);
        if (found == target.qemus.end() || !target.is_up())
            return failure(ErrorCode::kHypervisorFailed, "QEMU is gone");
        auto& qemu = found->second;
        const auto owner = owner_of(qemu);
        auto allowed = target.may_admit();
        if (allowed) allowed = target.rights.register_one_shot(owner);
        if (allowed) allowed = target.rights.acquire(owner, "/dev/disk");
        if (!allowed) return allowed;
        auto& ran_last = target.cluster.ran_last[qemu.guest];
        if (qemu.memory_of != 0 && qemu.memory_of != ran_last) target.cluster.stale_memory = qemu.guest.str();
        qemu.memory_of = ran_last = pid;
        qemu.executes = true;
        qemu.paused_by_user = false;
        if (target.node != nullptr) target.node->guests.poke();
        return {};
    }

  private:
    template <class T>
    struct Outcome {
        explicit Outcome(const boost::asio::any_io_executor& executor) : done(executor) {}
        std::optional<T> value;
        Notifier done;
    };

    template <class T>
    std::shared_ptr<Outcome<T>> begin(awaitable<T> work) {
        const auto executor = process_.world().executor();
        auto outcome = std::make_shared<Outcome<T>>(executor);
        co_spawn(
            executor,
            [](awaitable<T> task, std::shared_ptr<Outcome<T>> into) -> awaitable<void> {
                into->value = co_await std::move(task);
                into->done.notify();
            }(std::move(work), outcome),
            detached);
        return outcome;
    }

    /// The work goes on when the ssid that asked for it is gone.
    template <class T>
    awaitable<T> in_libvirtd(awaitable<T> work) {
        const auto outcome = begin(std::move(work));
        co_await outcome->done.wait_after(0);
        co_await ssid_.travel();
        co_return std::move(*outcome->value);
    }

    awaitable<Result<void>> start_domain(MemberName member, GuestName guest, Origin origin) {
        auto* target = host_.cluster.host(member);
        co_await process_.travel();
        if (!host_.reaches(*target)) co_return unreachable(*target);
        auto qemu = co_await create(*target, guest, origin);
        if (!qemu) co_return std::unexpected(qemu.error());
        if (origin == Origin::kStartPaused) {
            if (const auto made = target->qemus.find(*qemu); made != target->qemus.end())
                made->second.paused_by_user = true;
            co_return Result<void>{};
        }
        co_await process_.sleep(process_.world().between(50ms, 300ms));
        auto running = set_running(*target, *qemu);
        if (!running) target->kill_qemu(*qemu);
        co_return running;
    }
    awaitable<Result<void>> destroy_domain(MemberName member, GuestName guest) {
        auto* target = host_.cluster.host(member);
        co_await process_.travel();
        if (!host_.reaches(*target)) co_return unreachable(*target);
        auto* qemu = target->find(guest);
        if (qemu == nullptr) co_return failure(ErrorCode::kHypervisorFailed, "domain is not running");
        target->kill_qemu(qemu->pid);
        co_return Result<void>{};
    }
    awaitable<Result<void>> resume_domain(GuestName guest) {
        co_await process_.travel();
        auto* qemu = host_.find(guest);
        if (qemu == nullptr) co_return failure(ErrorCode::kHypervisorFailed, "domain is not running");
        co_return set_running(host_, qemu->pid);
    }
    awaitable<Result<MigrationTimes>> migrate_domain(cluster::MigrationRequest request) {
        host_.migrating.insert(request.guest);
        auto result = co_await migrate_out(request);
        host_.migrating.erase(request.guest);
        co_return result;
    }
    static std::unexpected<Error> unreachable(const Host& target) {
        return failure(ErrorCode::kHypervisorFailed, "cannot connect to " + target.name.str());
    }

    awaitable<Result<void>> call_hook(Host& target, HookRequest request) {
        auto* node = target.node;
        if (node == nullptr || !target.is_up() || target.machine.is_frozen())
            co_return failure(ErrorCode::kDoorClosed, "ssid does not answer");
        // The hook's own time-out; ssid may have died over it.
        const auto outcome = begin(node->guests.hook(std::move(request)));
        co_await wait_change_or_time(outcome->done, 0, process_, host_.cluster.timing.hook);
        if (!outcome->value) co_return failure(ErrorCode::kTimedOut, "ssid does not answer");
        co_return *outcome->value;
    }

    /// Makes a QEMU that does not execute yet; returns its pid.
    awaitable<Result<std::int64_t>> create(Host& target, GuestName guest, Origin origin, std::int64_t memory_of = 0) {
        if (target.find(guest) != nullptr) co_return failure(ErrorCode::kHypervisorFailed, "domain is already active");
        if (origin == Origin::kIncoming || origin == Origin::kRestore) {
            const auto* operation = origin == Origin::kIncoming ? "migrate" : "restore";
            if (auto let_in = co_await call_hook(target, {guest, operation, "begin", xml_of(guest)}); !let_in)
                co_return std::unexpected(let_in.error());
            co_await process_.sleep(process_.world().between(0ms, 100ms));
        }
        if (auto prepared = co_await call_hook(target, {guest, "prepare", "begin", xml_of(guest)}); !prepared) {
            auto released = co_await call_hook(target, {guest, "release", "end", xml_of(guest)});
            co_return std::unexpected(prepared.error());
        }
        co_await process_.sleep(process_.world().between(10ms, 200ms));
        if (!target.is_up() || target.find(guest) != nullptr)
            co_return failure(ErrorCode::kHypervisorFailed, "connection lost");
        const bool awaits_memory = origin == Origin::kIncoming || origin == Origin::kRestore;
        const Qemu qemu{guest, uuid_of(guest), host_.cluster.next_pid++, awaits_memory, false, false, memory_of};
        if (auto admitted = target.may_admit(); !admitted) co_return std::unexpected(admitted.error());
        if (auto registered = target.rights.register_life(owner_of(qemu), 1, process_.now()); !registered)
            co_return std::unexpected(registered.error());
        target.qemus[qemu.pid] = qemu;
        if (target.node != nullptr) target.node->guests.poke();
        co_return qemu.pid;
    }

    awaitable<Result<MigrationTimes>> migrate_out(cluster::MigrationRequest request) {
        auto& cluster = host_.cluster;
        auto& world = process_.world();
        auto* target = cluster.host(request.to);
        co_await process_.travel();
        if (!host_.reaches(*target)) co_return unreachable(*target);
        const auto* leaving = host_.find(request.guest);
        if (leaving == nullptr || (!leaving->executes && !leaving->paused_by_user))
            co_return failure(ErrorCode::kHypervisorFailed, "it was paused by an earlier migration");
        const bool arrives_paused = !leaving->executes;
        auto created = co_await create(*target, request.guest, Origin::kIncoming, leaving->pid);
        if (!created) co_return std::unexpected(created.error());
        const auto there = *created;
        co_await process_.sleep(world.between(100ms, 3000ms));
        auto* here = host_.find(request.guest);
        const bool broken =
            world.chance(cluster.migration_failures) || !host_.reaches(*target) || !target->qemus.contains(there);
        if (here == nullptr || broken) {
            if (host_.reaches(*target)) target->kill_qemu(there);
            co_return failure(ErrorCode::kHypervisorFailed, "migration failed");
        }
        const auto pid = here->pid;
        here->executes = false;
        host_.rights.release(owner_of(*here), "/dev/disk");
        co_await process_.sleep(world.between(5ms, 300ms));
        // The Finish call may be lost, arrive with its answer lost, or be refused by the destination's door.
        Result<void> finished = failure(ErrorCode::kHypervisorFailed, "connection lost");
        bool answered = false;
        if (host_.reaches(*target) && !world.chance(cluster.migration_failures)) {
            finished = arrives_paused ? Result<void>{} : set_running(*target, there);
            co_await process_.travel();
            answered = host_.reaches(*target) && !world.chance(cluster.migration_failures);
            if (!finished) target->kill_qemu(there);
        }
        if (finished && answered) {
            co_await process_.sleep(world.between(10ms, 1500ms));
            host_.kill_qemu(pid);
            co_return MigrationTimes{3000ms, 100ms};
        }
        // libvirt at the source resumes its guest, if the door lets it.
        if (!arrives_paused) auto resumed = set_running(host_, pid);
        co_return failure(ErrorCode::kHypervisorFailed, "migration failed in its last step");
    }

    Host& host_;
    Process& ssid_;
    Process& process_;  ///< libvirtd's.
};

class SimFence final : public cluster::FenceAgent {
  public:
    SimFence(Host& host, Process& process) : host_(host), process_(process) {}
    [[nodiscard]] const std::string& name() const override { return name_; }
    awaitable<Result<void>> off(MemberName member) override {
        auto& world = process_.world();
        auto& cluster = host_.cluster;
        co_await process_.sleep(world.between(50ms, cluster.fence_time));
        if (process_.is_dead()) co_await process_.never();
        if (world.chance(cluster.fence_failures)) co_return failure(ErrorCode::kFenceFailed, "the agent failed");
        cluster.check_fence(*cluster.host(member));
        cluster.host(member)->cut_power();
        ++cluster.fences;
        if (world.chance(cluster.fence_failures))
            co_return failure(ErrorCode::kFenceFailed, "the agent's answer was lost");
        co_return Result<void>{};
    }

  private:
    Host& host_;
    Process& process_;
    std::string name_ = "sim";
};

/// Disks of guests are not simulated: only whether there may still be somebody who writes to them.
class SimWriteFence final : public cluster::WriteFence {
  public:
    SimWriteFence(Host& host, Process& process) : host_(host), process_(process) {}
    [[nodiscard]] const std::string& name() const override { return name_; }
    [[nodiscard]] const std::vector<std::filesystem::path>& volumes() const override {
        return host_.cluster.fenced_volumes;
    }
    [[nodiscard]] bool covers_all_disks() const override { return true; }
    awaitable<Result<void>> may_stop(Request) override { co_return Result<void>{}; }
    awaitable<Result<void>> stop(Request request) override {
        co_await process_.sleep(process_.world().between(10ms, 200ms));
        if (process_.is_dead()) co_await process_.never();
        const auto& target = *host_.cluster.host(request.target.member);
        for (const auto& [pid, qemu] : target.qemus)
            if (qemu.executes && !target.machine.is_frozen())
                throw std::logic_error(target.name.str() + " is stopped while its guests run (SAFETY 13 c)");
        ++host_.cluster.stops;
        co_return Result<void>{};
    }

  private:
    Host& host_;
    Process& process_;
    std::string name_ = "disks";
};

class SimIsfc final : public cluster::IsfcLink {
  public:
    awaitable<Result<void>> expect(MemberName, ServiceName) override { co_return Result<void>{}; }
    awaitable<Result<void>> forget(MemberName, ServiceName) override { co_return Result<void>{}; }
};

class SimBoot final : public cluster::BootRecord {
  public:
    explicit SimBoot(Host& host) : host_(host) {}
    Result<std::optional<Incarnation>> load() override { return host_.boot_record; }
    Result<void> store(Incarnation incarnation) override {
        host_.boot_record = incarnation;
        return {};
    }
    Result<void> clear() override {
        host_.boot_record.reset();
        return {};
    }

  private:
    Host& host_;
};

std::vector<cluster::FenceStep> fence_chain(Host& host, Process& process) {
    std::vector<cluster::FenceStep> chain;
    for (int i = 0; i < host.cluster.agents; ++i) chain.emplace_back(std::make_unique<SimFence>(host, process));
    if (!host.cluster.fenced_volumes.empty()) chain.emplace_back(std::make_unique<SimWriteFence>(host, process));
    chain.emplace_back(cluster::ProofByTime{});
    return chain;
}

}  // namespace

GuestUuid uuid_of(const GuestName& guest) {
    return GuestUuid::parse(std::format("00000000-0000-0000-0000-{:0>12}", guest.str().substr(1))).value();
}

Host::Host(Cluster& owner, MemberName own)
    : cluster(owner), name(std::move(own)), machine(owner.world), lease(owner.timing.lease) {}
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
    machine.thaw();
    migrating.clear();
    cluster.libvirtds.push_back(std::make_unique<Process>(cluster.world, machine));
    libvirtd = cluster.libvirtds.back().get();
    cluster.update_majorities();
    start_ssid();
    if (!cluster.has_pdr) return;
    lease = gate::Lease(cluster.timing.lease);
    lease_end_.reset();
    to_be_ended_.clear();
    armed_word = gate::SlotWord(is_armed());
    lone_word = gate::SlotWord(false);
    alone.reset();
    booted = cluster.world.now();
    feed_watchdog();
    cluster.guards.push_back(std::make_unique<Process>(cluster.world, machine));
    guard = cluster.guards.back().get();
    co_spawn(cluster.world.executor(), beat_on_pdr(*guard), detached);
    co_spawn(cluster.world.executor(), keep_lease(*guard), detached);
}

void Host::renew_lease(BootTime begun, BootTime counted) {
    if (!cluster.has_pdr) return;
    const auto now = cluster.world.now();
    const bool has_lapsed = lease_end_ && now >= *lease_end_;
    // SAFETY 3: nobody counts on its end.
    const bool says_lone = cluster.slots.contains(name) && cluster.slots.at(name).lone;
    if (has_lapsed && says_lone && !qemus.empty()) ++cluster.lone_lapses;
    if (has_lapsed && !says_lone)
        for (const auto& [pid, qemu] : qemus)
            to_be_ended_.try_emplace(pid, *lease_end_ + gate::kStopTime + cluster.timing.watchdog + 1s);
    lease_end_ = std::max(lease_end_.value_or(begun + cluster.timing.lease), begun + cluster.timing.lease);
    if (!armed_word.says() && armed_word.is_read_back()) lease.watchdog_is_withdrawn();
    lease.renew(counted, now);
}

/// As gate::LeaseKeeper.
void Host::judge_lone() {
    lone_word.say(lease.judge_lone(alone, lone_word, cluster.world.now()));
}

void Host::check_lease() {
    const auto now = cluster.world.now();
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
    if (!cluster.has_pdr || lease.admits(cluster.world.now())) return {};
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
        auto next = cluster.timing.beat;
        if (const auto deadline = lease.deadline(); deadline && !lease.is_lone())
            next = std::clamp(Duration(*deadline - now), Duration(1), next);
        co_await process.sleep(next);
        if (process.is_dead()) co_await process.never();
    }
}

void Host::stop_writers() {
    rights.outlive();
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
        if (pass.fresh) judge_lone();
        tell_ssid(pass);
        if (cluster.witness) cluster.witness->look(*this, pass);
    }
}

void Host::tell_ssid(const cluster::PdrPass& pass) {
    if (node == nullptr) return;
    const auto now = cluster.world.now();
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
    const auto now = cluster.world.now();
    begun_ = now;
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
    if (now - slot_moved >= cluster.timing.fence - cluster.timing.beat) slot_gap_ended = now;
    slot_moved = now;
}

void Host::cut_power() {
    if (!up_) return;
    up_ = false;
    qemus.clear();
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
    lone_word = gate::SlotWord(lease.is_lone() && !mutated(Mutation::kLoneForgottenByGuard));
    if (node != nullptr) node->describe();
    if (node != nullptr) node->guests.poke();
}

Node::Node(Host& host)
    : process(host.cluster.world, host.machine),
      began(host.cluster.world.now()),
      agent(std::make_unique<SimFence>(host, process)),
      engine(std::make_unique<SimEngine>(host.cluster.store, host.reach, process)),
      guard(std::make_unique<SimGuard>(host, process)),
      hypervisor(std::make_unique<SimHypervisor>(host, process)),
      isfc(std::make_unique<SimIsfc>()),
      boot(std::make_unique<SimBoot>(host)),
      view(*engine, process, host.cluster.world.executor()),
      membership(host.name, host.cluster.timing, view, *guard, *boot, process),
      pdr(host.cluster.timing.silence, host.cluster.timing.beat),
      watch(host.name, host.cluster.timing, host.cluster.has_pdr ? &pdr : nullptr),
      fencing(membership, watch, view, fence_chain(host, process), process, host.cluster.world.executor(),
              host.cluster.timing.beat, host.cluster.has_pdr ? &pdr : nullptr),
      lone(membership, view, pdr, process, host.cluster.timing.lease),
      guests(membership, watch, view, *guard, *hypervisor, host.cluster.timing, process, host.cluster.world.executor()),
      relocations(membership, view, *guard, *hypervisor, *isfc, process, host.cluster.world.executor()) {
    guests.is_moving = [this](const GuestName& guest) { return relocations.is_moving(guest); };
    membership.on_beat = [this, has_pdr = host.cluster.has_pdr](BootTime begun) {
        co_spawn(
            process.world().executor(),
            [](Node& node, BootTime at) -> awaitable<void> { static_cast<void>(co_await node.guard->renew(at)); }(
                                            *this, begun),
            detached);
        watch.look(view.state(), process.now());
        fencing.consider();
        guests.poke();
        if (has_pdr) co_spawn(process.world().executor(), lone.step(), detached);
    };
    if (host.cluster.fenced_volumes.empty()) return;
    membership.before_joined = [this](cluster::MemberLife life) -> awaitable<void> {
        auto said = co_await view.commit(
            [life](const cluster::ClusterState& state) { return cluster::decide_registering(state, life); });
        if (!said) co_return;
        said = co_await view.commit(
            [life](const cluster::ClusterState& state) { return cluster::decide_registered(state, life); });
    };
}
Node::~Node() = default;

void Node::describe() {
    const auto& life = membership.life();
    const cluster::SlotFacts facts{life ? life->incarnation : Incarnation{}, membership.has_majority(), lone.alone()};
    co_spawn(
        process.world().executor(),
        [](Node& node, cluster::SlotFacts said) -> awaitable<void> {
            static_cast<void>(co_await node.guard->describe(said));
        }(*this, facts),
        detached);
}

Cluster::Cluster(int members, std::uint64_t seed, bool with_pdr) : has_pdr(with_pdr), world(seed) {
    for (int i = 1; i <= members; ++i)
        hosts.push_back(std::make_unique<Host>(*this, MemberName::parse(std::format("M{}", i)).value()));
    if (has_pdr && members == 2) witness = std::make_unique<SimWitness>(*this);
}
Cluster::~Cluster() = default;

Host* Cluster::host(const MemberName& name) {
    return std::ranges::find(hosts, name, [](const auto& host) { return host->name; })->get();
}

void Cluster::check_fence(const Host& target) {
    if (!has_pdr || !target.is_up()) return;
    // Between the last look and the agent's act.
    constexpr Duration kDecision = 21s;
    const auto now = world.now();
    const bool stands = now - target.slot_moved >= timing.fence - timing.beat;
    if (!stands && now - target.slot_gap_ended > kDecision)
        throw std::logic_error(target.name.str() + " is fenced although its slot moves (R4)");
}

void Cluster::update_majorities() {
    for (const auto& one : hosts) {
        const auto reached = std::ranges::count_if(
            hosts, [&](const auto& other) { return one->is_up() && other->is_up() && one->side == other->side; });
        const bool has_witness = witness && one->is_up() && witness->votes_for(*one);
        const auto votes = static_cast<std::size_t>(reached) + (has_witness ? 1 : 0);
        one->reach.has_majority = 2 * votes > hosts.size() + (witness ? 1 : 0);
    }
}

void Cluster::heal() {
    is_healed = true;
    for (const auto& one : hosts) {
        one->side = 0;
        one->reach = {};
        one->pdr_fault = PdrFault::kNone;
        if (one->machine.is_frozen()) one->machine.thaw();
        one->boot();
    }
    fence_failures = 0;
    fence_time = 800ms;
    migration_failures = 0;
    update_majorities();
}

void Cluster::virsh_start(Host& at, const GuestName& guest, Origin origin) {
    if (at.node == nullptr || at.machine.is_frozen()) return;
    co_spawn(
        world.executor(),
        [](Cluster& self, Host& host, GuestName name, Origin from) -> awaitable<void> {
            auto started = co_await static_cast<SimHypervisor&>(*host.node->hypervisor).start_from(from, name);
            ++(started ? self.starts : self.refusals);
        }(*this, at, guest, origin),
        detached);
}

void Cluster::virsh_suspend(Host& at, const GuestName& guest) {
    auto* qemu = at.find(guest);
    if (qemu == nullptr || at.machine.is_frozen() || !qemu->executes) return;
    qemu->executes = false;
    qemu->paused_by_user = true;
    // libvirt does it twice, and no refusal would stop it.
    for (int i = 0; i < 2; ++i) {
        static_cast<void>(at.rights.register_one_shot(SimHypervisor::owner_of(*qemu)));
        at.rights.release(SimHypervisor::owner_of(*qemu), "/dev/disk");
    }
    if (at.node != nullptr) at.node->guests.poke();
}

void Cluster::virsh_resume(Host& at, const GuestName& guest) {
    auto* qemu = at.find(guest);
    if (qemu == nullptr || at.machine.is_frozen() || qemu->executes || qemu->awaits_migration) return;
    static_cast<void>(SimHypervisor::set_running(at, qemu->pid));
}

void Cluster::virsh_save(Host& at, const GuestName& guest) {
    if (at.migrating.contains(guest)) return;
    virsh_suspend(at, guest);
    virsh_destroy(at, guest);
}

void Cluster::leave(Host& at) {
    if (at.node == nullptr || at.machine.is_frozen()) return;
    co_spawn(
        world.executor(),
        [](Host& host, Node& node) -> awaitable<void> {
            const auto left = co_await node.membership.leave();
            if (left && host.node == &node) host.crash_ssid();
        }(at, *at.node),
        detached);
}

void Cluster::virsh_destroy(Host& at, const GuestName& guest) {
    if (auto* qemu = at.find(guest); qemu != nullptr && !at.machine.is_frozen()) at.kill_qemu(qemu->pid);
}

void Cluster::relocate(Host& asked, const GuestName& guest, const MemberName& to) {
    if (asked.node == nullptr || asked.machine.is_frozen()) return;
    co_spawn(
        world.executor(),
        [](Cluster& self, Node& node, GuestName name, MemberName target) -> awaitable<void> {
            auto moved = co_await node.relocations.move(name, target);
            if (moved && moved->outcome == "moved") ++self.moves;
        }(*this, *asked.node, guest, to),
        detached);
}

void Cluster::check() {
    if (!stale_memory.empty())
        throw std::runtime_error(std::format("R3: guest {} goes on with a memory older than its disks at {} ms",
                                             stale_memory, world.now().time_since_epoch().count()));
    std::map<GuestName, int> executing;
    for (const auto& one : hosts) one->check_lease();
    for (const auto& one : hosts)
        for (const auto& [pid, qemu] : one->qemus)
            if (qemu.executes && ++executing[qemu.guest] > 1)
                throw std::runtime_error(std::format("R1: guest {} runs twice at {} ms", qemu.guest.str(),
                                                     world.now().time_since_epoch().count()));
}

}  // namespace ssi::sim
