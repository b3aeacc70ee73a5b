#include "tests/sim/sim_cluster.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <format>
#include <stdexcept>
#include <utility>

#include "daemons/ssid/state/registration_rules.hpp"
#include "tests/sim/sim_fence.hpp"
#include "tests/sim/sim_guard.hpp"
#include "tests/sim/sim_libvirt.hpp"

namespace ssi::sim {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using boost::asio::co_spawn;
using boost::asio::detached;

namespace {

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

}  // namespace

GuestUuid uuid_of(const GuestName& guest) {
    return GuestUuid::parse(std::format("00000000-0000-0000-0000-{:0>12}", guest.str().substr(1))).value();
}

Node::Node(Host& host)
    : process(host.cluster.world, host.machine),
      began(host.machine.now()),
      agent(sim_fence_agent(host, process)),
      engine(std::make_unique<SimEngine>(host.cluster.store, host.reach, process)),
      guard(sim_guard(host, process)),
      hypervisor(sim_libvirt(host, process)),
      isfc(std::make_unique<SimIsfc>()),
      boot(std::make_unique<SimBoot>(host)),
      view(*engine, process, host.cluster.world.executor()),
      membership(host.name, host.cluster.timing, view, *guard, *boot, process),
      pdr(host.cluster.timing.silence, host.cluster.timing.beat),
      watch(host.name, host.cluster.timing, host.cluster.has_pdr ? &pdr : nullptr),
      fencing(membership, watch, view, sim_fence_chain(host, process), process, host.cluster.world.executor(),
              host.cluster.timing.beat, host.cluster.has_pdr ? &pdr : nullptr),
      lone(membership, view, pdr, process, host.cluster.timing.lease),
      guests(membership, watch, view, *guard, *hypervisor, host.cluster.timing, process, host.cluster.world.executor()),
      relocations(membership, view, *guard, *hypervisor, *isfc, process, host.cluster.world.executor()) {
    guests.is_moving = [this](const GuestName& guest) { return relocations.is_moving(guest); };
    membership.on_beat = [this, &host, has_pdr = host.cluster.has_pdr](BootTime begun) {
        host.engine_sign.move(host.cluster.world.now(), host.cluster.patience());
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
    if (!target.is_up()) return;
    // Of what the last look saw: a pass over a slow disk.
    constexpr Duration kAge = 10s;
    const auto now = world.now();
    const auto& sign = has_pdr ? target.slot_sign : target.engine_sign;
    if (now - sign.moved < patience() && now - sign.gap_ended > kAge)
        throw std::logic_error(std::format("{} is fenced although its {} moves (R4)", target.name.str(),
                                           has_pdr ? "slot" : "sign in the engine"));
}

void Cluster::update_majorities() {
    for (const auto& one : hosts) {
        const auto reached = std::ranges::count_if(
            hosts, [&](const auto& other) { return one->is_up() && other->is_up() && one->side == other->side; });
        const bool has_witness = witness && witness->votes_for(*one);
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
            auto started = co_await host.node->hypervisor->start_from(from, name);
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
        static_cast<void>(at.rights.register_one_shot(owner_of(*qemu)));
        at.rights.release(owner_of(*qemu), "/dev/disk");
    }
    if (at.node != nullptr) at.node->guests.poke();
}

void Cluster::virsh_resume(Host& at, const GuestName& guest) {
    auto* qemu = at.find(guest);
    if (qemu == nullptr || at.machine.is_frozen() || qemu->executes || qemu->awaits_migration) return;
    static_cast<void>(set_running(at, qemu->pid));
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
    for (const auto& one : hosts) one->check_lease();
    if (witness) witness->check();
    executing_.clear();
    for (const auto& one : hosts)
        for (const auto& [pid, qemu] : one->qemus) {
            if (!qemu.executes) continue;
            if (std::ranges::any_of(executing_, [&](const auto* other) { return other->guest == qemu.guest; }))
                throw std::runtime_error(std::format("R1: guest {} runs twice at {} ms", qemu.guest.str(),
                                                     world.now().time_since_epoch().count()));
            executing_.push_back(&qemu);
        }
}

}  // namespace ssi::sim
