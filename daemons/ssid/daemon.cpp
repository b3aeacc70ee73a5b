#include "daemons/ssid/daemon.hpp"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "daemons/ssid/api/bus_object.hpp"
#include "daemons/ssid/api/config_methods.hpp"
#include "daemons/ssid/api/directory_methods.hpp"
#include "daemons/ssid/api/remote_calls.hpp"
#include "daemons/ssid/configuration/file_watch.hpp"
#include "daemons/ssid/engine/compaction.hpp"
#include "daemons/ssid/engine/engine_health.hpp"
#include "daemons/ssid/engine/etcd_engine.hpp"
#include "daemons/ssid/engine/log_service.hpp"
#include "daemons/ssid/engine_parts.hpp"
#include "daemons/ssid/fencing/fence_chain.hpp"
#include "daemons/ssid/fencing/fencing.hpp"
#include "daemons/ssid/fencing/reservation_keeper.hpp"
#include "daemons/ssid/gate/door_test_guest.hpp"
#include "daemons/ssid/gate/guard_client.hpp"
#include "daemons/ssid/gate/hook_server.hpp"
#include "daemons/ssid/guests/capacity_report.hpp"
#include "daemons/ssid/guests/definition_keeper.hpp"
#include "daemons/ssid/guests/door_test.hpp"
#include "daemons/ssid/guests/guests.hpp"
#include "daemons/ssid/guests/libvirt_definitions.hpp"
#include "daemons/ssid/guests/libvirt_doors.hpp"
#include "daemons/ssid/guests/libvirt_hypervisor.hpp"
#include "daemons/ssid/guests/saved_image.hpp"
#include "daemons/ssid/host_calls.hpp"
#include "daemons/ssid/membership/boot_file.hpp"
#include "daemons/ssid/membership/lone_keeper.hpp"
#include "daemons/ssid/relocation/isfc_bus_link.hpp"
#include "daemons/ssid/state/config_rules.hpp"
#include "daemons/ssid/state/member_rules.hpp"
#include "lib/common/config/kept_config.hpp"
#include "lib/common/log.hpp"
#include "lib/common/scsi/sg_io.hpp"
#include "lib/common/text_file.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

std::optional<std::int64_t> free_memory() {
    const auto text = read_text_file("/proc/meminfo");
    return text ? available_mib(*text) : std::nullopt;
}

}  // namespace

/// In the order of dependence: what is used stands before who uses it.
struct Daemon::Parts {
    Parts(boost::asio::io_context& io, ConfigDocument document, MemberName own, Places where)
        : context(io),
          executor(io.get_executor()),
          places(std::move(where)),
          configuration(places.config, std::move(document), own),
          config(configuration.config()),
          clock(executor),
          engine(executor, EtcdOptions::for_member(config, own)),
          guard(executor, clock, places.guard_socket),
          hypervisor(executor, own),
          definition_store(executor),
          libvirt_doors(executor),
          boot(places.incarnation),
          view(engine, clock, executor),
          membership(own, config.timing, view, guard, boot, clock),
          pdr(config.timing.silence, config.timing.beat),
          watch(own, config.timing, config.pdr.device.empty() ? nullptr : &pdr),
          fencing(membership, watch, view, fence_chain(config), clock, executor, config.timing.beat,
                  config.pdr.device.empty() ? nullptr : &pdr),
          guests(membership, watch, view, guard, hypervisor, config.timing, clock, executor),
          door_test(
              membership, view, clock, [this](GuestUuid uuid) { return libvirt_doors.try_start(std::move(uuid)); },
              executor),
          definitions(membership, view, definition_store, {places.known_definitions, places.kept_edits}, clock,
                      executor),
          directory(own, view, engine, definitions),
          lone(membership, view, pdr, clock, config.timing.lease),
          capacity(membership, view, clock, free_memory),
          config_report(configuration, view, clock, executor),
          peers(executor, own),
          config_exchange(configuration, config_report, membership, view, peers),
          member_changes(configuration, view, peers, config_exchange) {}

    void spawn(awaitable<void> work) {
        boost::asio::co_spawn(executor, std::move(work), [](const std::exception_ptr& failure) {
            // A defect: systemd brings ssid back, and it finds its state again (R8).
            if (failure) std::rethrow_exception(failure);
        });
    }

    Result<void> open();
    void describe_slot();
    awaitable<void> renew_lease(BootTime begun);
    void open_reservations();
    awaitable<bool> boots_anew();
    awaitable<Result<void>> hook(HookRequest request);
    awaitable<void> publish();
    awaitable<void> feed_watchdog();
    awaitable<void> follow_changes();
    awaitable<void> watch_peers();
    Result<void> open_configuration();
    awaitable<void> watch_configuration();

    boost::asio::io_context& context;
    boost::asio::any_io_executor executor;
    const Places places;
    Configuration configuration;
    const SystemConfig& config;
    BootClock clock;
    EtcdEngine engine;
    GuardClient guard;
    LibvirtHypervisor hypervisor;
    LibvirtDefinitions definition_store;
    LibvirtDoors libvirt_doors;
    BootFile boot;
    ClusterView view;
    Membership membership;
    PdrWatch pdr;
    PeerWatch watch;
    Fencing fencing;
    Guests guests;
    DoorTest door_test;
    DefinitionKeeper definitions;
    DirectoryAdministration directory;
    LoneKeeper lone;
    CapacityReport capacity;
    ConfigReport config_report;
    RequestClient peers;
    ConfigExchange config_exchange;
    MemberChanges member_changes;
    std::optional<SlotFacts> described;  ///< What the guard was told of us last.
    std::optional<Bus> bus;
    std::optional<EngineParts> engine_parts;
    std::optional<ReservationKeeper> reservations;  ///< With a [[fence]] of that method.
    std::optional<EngineHealth> health;
    std::optional<LogServer> logs;
    std::optional<IsfcBusLink> isfc;
    std::optional<Relocations> relocations;
    std::optional<Administration> administration;
    std::optional<EngineAdministration> engine_administration;
    std::optional<RemoteCalls> remote_calls;
    std::optional<HookServer> hooks;
    std::optional<RequestServer> requests;
    std::optional<FileWatch> config_watch;
};

Result<void> Daemon::Parts::open() {
    auto connected = Bus::connect(executor);
    if (!connected) return std::unexpected(connected.error());
    bus.emplace(*std::move(connected));
    engine_parts.emplace(EngineParts::Sources{config, membership, watch, pdr, view, engine, *bus, clock, executor});
    open_reservations();
    health.emplace(engine, clock);
    auto telling = LogServer::listen(executor, places.log_socket, [this] { return engine_parts->log_reports(); });
    if (!telling) return std::unexpected(telling.error());
    logs.emplace(*std::move(telling));
    isfc.emplace(*bus);
    relocations.emplace(membership, view, guard, hypervisor, *isfc, clock, executor);
    administration.emplace(config, membership, watch, pdr, view, engine_parts->voters(), *health, hypervisor,
                           *relocations, clock, engine_parts->verdicts());
    engine_administration.emplace(config, membership.own(), engine, engine_parts->director(), engine_parts->voters(),
                                  *health, executor);
    engine_administration->witness_log = [this](std::uint64_t lineage) { return engine_parts->witness_log(lineage); };
    auto methods = bus_methods(*administration, *engine_administration);
    std::ranges::move(config_methods(config_exchange, member_changes), std::back_inserter(methods));
    std::ranges::move(directory_methods(directory), std::back_inserter(methods));
    remote_calls.emplace(
        config, membership.own(), peers, methods,
        [this](std::string method, std::vector<std::string> arguments, std::chrono::milliseconds time) {
            return call_isfcd(*bus, std::move(method), std::move(arguments), time);
        });
    methods.push_back(remote_calls->method());
    if (auto exported = bus->export_object(kBusPath, kBusInterface, std::move(methods)); !exported) return exported;

    guests.saved_image = [this](const GuestName& guest) { return saved_image(places.saved_images, guest); };
    guests.doors_are_asked = [this] { return door_test.are_asked(); };
    guests.is_moving = [this](const GuestName& guest) { return relocations->is_moving(guest); };
    membership.on_beat = [this](BootTime begun) {
        spawn(renew_lease(begun));
        watch.look(view.state(), clock.now());
        fencing.consider();
        if (!config.pdr.device.empty()) spawn(lone.step());
        if (auto* verdicts = engine_parts->verdicts(); verdicts != nullptr && membership.life())
            spawn(verdicts->settle());
    };
    door_test.restart_libvirt = [this] { return restart_libvirt(*bus); };
    definition_store.on_libvirt_found = [this] { door_test.libvirt_has_started(); };
    definition_store.on_libvirt_lost = [this] { door_test.libvirt_has_gone(); };
    guard.on_event = [this](const GuardEvent&) { guests.poke(); };
    guard.on_connected = [this] {
        described.reset();
        guests.poke();
    };
    guard.on_pdr_pass = [this](const PdrPass& pass) {
        pdr.look(pass, clock.now());
        describe_slot();
    };

    std::ofstream(places.hook_timeout) << config.timing.hook.count() << '\n';
    auto listening = HookServer::listen(executor, places.hook_socket,
                                        [this](HookRequest request) { return hook(std::move(request)); });
    if (!listening) return std::unexpected(listening.error());
    hooks.emplace(*std::move(listening));
    return open_configuration();
}

Result<void> Daemon::Parts::open_configuration() {
    membership.may_join = [this](const ClusterState& state) {
        return may_join_with(state, configuration.own(), configuration.shared());
    };
    config_exchange.reload_links = [this] { return reload_isfcd(*bus); };
    config_exchange.on_reloaded = [this](const std::string& text) {
        KeptConfig(places.config, places.kept_config).keep(text);
        if (auto linked = engine_parts->director().prepare_directories(); !linked)
            log::warning("the engine cannot reach a member that is new", linked.error());
    };
    auto listening = RequestServer::listen(executor, places.request_socket);
    if (!listening) return std::unexpected(listening.error());
    requests.emplace(*std::move(listening));
    config_exchange.serve(*requests);
    remote_calls->serve(*requests);
    member_changes.reboot_host = [this] { return reboot_host(*bus); };
    member_changes.serve(*requests);
    auto watching = FileWatch::open(executor, places.config);
    if (!watching) return std::unexpected(watching.error());
    config_watch.emplace(*std::move(watching));
    return {};
}

awaitable<void> Daemon::Parts::watch_configuration() {
    while (true) {
        if (auto changed = co_await config_watch->next(); !changed) {
            log::warning("a change of system.toml is noticed late from now on", changed.error());
            co_return;
        }
        config_report.file_changed();
    }
}

/// Tells the guard what our slot is to say, when that has changed.
void Daemon::Parts::describe_slot() {
    const auto& life = membership.life();
    const SlotFacts facts{life ? life->incarnation : Incarnation{}, membership.has_majority(), lone.alone()};
    if (described == facts) return;
    described = facts;
    spawn([](Parts& parts, SlotFacts said) -> awaitable<void> {
        if (auto done = co_await parts.guard.describe(said); !done) parts.described.reset();
    }(*this, facts));
}

awaitable<void> Daemon::Parts::renew_lease(BootTime begun) {
    // Without an answer the next beat renews it; what fails for long is told by the guard itself, as the lease's end.
    if (auto renewed = co_await guard.renew(begun); !renewed)
        log::debug("the lease was not renewed: " + renewed.error().text());
}

void Daemon::Parts::open_reservations() {
    const auto fence = std::ranges::find(config.fences, FenceMethod::kReservations, &FenceConfig::method);
    if (fence == config.fences.end()) return;
    reservations.emplace(config, *fence, membership.own(), view, std::make_shared<scsi::LinuxPaths>(fence->timeout),
                         clock, executor);
    reservations->life_now = [this] { return membership.life(); };
    reservations->boots_anew = [this] { return boots_anew(); };
    membership.before_joined = [this](MemberLife life) { return reservations->enroll(life, config.timing.silence); };
}

/// No life of this boot, and nothing that runs: what this host registers brings nothing back that was taken away.
awaitable<bool> Daemon::Parts::boots_anew() {
    const auto recorded = boot.load();
    if (!recorded || *recorded) co_return false;
    const auto rights = co_await guard.rights();
    co_return rights && rights->empty() && !membership.life();
}

awaitable<Result<void>> Daemon::Parts::hook(HookRequest request) {
    if (request.guest.str() == gate::kDoorTestGuest) co_return door_test.hook(request);
    co_return co_await guests.hook(std::move(request));
}

awaitable<void> Daemon::Parts::publish() {
    if (auto named = co_await bus->request_name(kBusName); !named)
        log::error("ssictl cannot reach this daemon", named.error());
    // Everything that ssid directs hangs on the bus: without it a fresh start is the simplest way back (R8).
    const auto gone = co_await bus->closed();
    log::error("the connection to the system bus is gone", gone);
    context.stop();
}

awaitable<void> Daemon::Parts::feed_watchdog() {
    std::uint64_t interval_us = 0;
    if (::sd_watchdog_enabled(0, &interval_us) <= 0) co_return;
    while (true) {
        ::sd_notify(0, "WATCHDOG=1");
        co_await clock.sleep(std::chrono::milliseconds(interval_us / 3000));
    }
}

awaitable<void> Daemon::Parts::follow_changes() {
    while (true) {
        const auto seen = view.changed().count();
        guests.poke();
        definitions.poke();
        door_test.poke();
        config_report.poke();
        co_await view.changed().wait_after(seen);
    }
}

/// Between our beats, so that a sign is seen when it comes and its absence when it is due.
awaitable<void> Daemon::Parts::watch_peers() {
    while (true) {
        co_await clock.sleep(config.timing.beat / 5);
        if (!membership.life() || !membership.has_majority()) continue;
        watch.look_again(view.state(), clock.now());
        fencing.consider();
    }
}

Daemon::Daemon(boost::asio::io_context& context, ConfigDocument config, MemberName own, Places places)
    : parts_(std::make_unique<Parts>(context, std::move(config), std::move(own), std::move(places))) {}

Daemon::~Daemon() = default;

Result<void> Daemon::start() {
    auto& parts = *parts_;
    if (auto opened = parts.open(); !opened) return opened;
    parts.spawn(parts.feed_watchdog());
    parts.spawn(parts.publish());
    parts.spawn(parts.engine_parts->voters().run());
    parts.spawn(parts.health->run());
    parts.spawn(parts.logs->run());
    parts.spawn(parts.guard.run());
    parts.spawn(parts.hooks->run());
    parts.spawn(parts.view.follow());
    parts.spawn(parts.membership.run());
    parts.spawn(parts.guests.run());
    parts.spawn(parts.definitions.run());
    parts.spawn(parts.definition_store.follow());
    parts.spawn(parts.door_test.run());
    parts.spawn(parts.capacity.run());
    parts.spawn(parts.config_report.run());
    parts.spawn(parts.watch_configuration());
    parts.spawn(parts.requests->run());
    parts.spawn(parts.relocations->run());
    parts.spawn(parts.follow_changes());
    parts.spawn(parts.watch_peers());
    parts.spawn(keep_compacting(parts.engine, parts.clock));
    parts.spawn(parts.engine_parts->witness().run());
    if (parts.reservations) parts.spawn(parts.reservations->run());
    ::sd_notifyf(0, "READY=1\nSTATUS=%s of cluster %s", parts.membership.own().str().c_str(),
                 parts.config.cluster.c_str());
    return {};
}

}  // namespace ssi::cluster
