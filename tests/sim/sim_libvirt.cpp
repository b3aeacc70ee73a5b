#include "tests/sim/sim_libvirt.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <format>
#include <utility>

#include "lib/common/notifier.hpp"

namespace ssi::sim {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using boost::asio::co_spawn;
using boost::asio::detached;
using cluster::DomainInfo;
using cluster::DomainState;
using cluster::HookRequest;
using cluster::MigrationTimes;

namespace {

std::string xml_of(const GuestName& guest) {
    return std::format(
        "<domain><name>{}</name><uuid>{}</uuid><devices><disk type='block'><source dev='{}'/>"
        "</disk></devices></domain>",
        guest.str(), uuid_of(guest).str(), kGuestVolume);
}

class Hypervisor final : public SimLibvirt {
  public:
    Hypervisor(Host& host, Process& ssid) : host_(host), ssid_(ssid), process_(*host.libvirtd) {}

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
    awaitable<Result<void>> start_from(Origin origin, GuestName guest) override {
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
        co_await process_.wait_change(outcome->done, 0, host_.cluster.timing.hook);
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

}  // namespace

gate::QemuOwner owner_of(const Qemu& qemu) {
    return {qemu.uuid, qemu.guest.str(), qemu.pid, qemu.awaits_migration};
}

Result<void> set_running(Host& target, std::int64_t pid) {
    const auto found = target.qemus.find(pid);
    if (found == target.qemus.end() || !target.is_up()) return failure(ErrorCode::kHypervisorFailed, "QEMU is gone");
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

std::unique_ptr<SimLibvirt> sim_libvirt(Host& host, Process& ssid) {
    return std::make_unique<Hypervisor>(host, ssid);
}

}  // namespace ssi::sim
