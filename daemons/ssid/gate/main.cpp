// ssi-guard: the member's lock door and its table of rights (README.md).

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include "daemons/ssid/gate/guard.hpp"
#include "daemons/ssid/gate/lease_keeper.hpp"
#include "daemons/ssid/gate/lock_server.hpp"
#include "daemons/ssid/gate/pdr_sign.hpp"
#include "daemons/ssid/gate/real_time.hpp"
#include "daemons/ssid/gate/rights_server.hpp"
#include "daemons/ssid/gate/spawn.hpp"
#include "daemons/ssid/gate/witness_guard.hpp"
#include "lib/common/config/kept_config.hpp"
#include "lib/common/log.hpp"

namespace {

using namespace ssi;
using namespace ssi::gate;

constexpr auto kWatchdogName = "watchdog";  ///< Its descriptor, as systemd keeps it.
/// Two passes read it back; the other beats are for a slow volume. Less than the unit's TimeoutStopSec.
constexpr int kWithdrawBeats = 6;
constexpr auto kWithdrawTime = std::chrono::milliseconds(12'000);
/// The witness may run for so long without an ssid (SAFETY 10). Scaled by timing.scale.
constexpr std::chrono::milliseconds kAloneTime{30'000};

constexpr const char* kUsage =
    "usage: ssi-guard [--lock-socket PATH] [--runtime-dir DIR] [--config FILE] [--member NAME]\n";

struct Options {
    std::optional<std::filesystem::path> lock_socket;  ///< Else systemd passes it.
    std::filesystem::path runtime_dir = "/run/ssi/guard";
    std::filesystem::path config = "/etc/ssi/system.toml";
    std::string member;  ///< Default: the one with this host's name.
};

std::optional<Options> parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; i += 2) {
        const std::string_view name = argv[i];
        if (i + 1 == argc) return std::nullopt;
        if (name == "--lock-socket")
            options.lock_socket = argv[i + 1];
        else if (name == "--runtime-dir")
            options.runtime_dir = argv[i + 1];
        else if (name == "--config")
            options.config = argv[i + 1];
        else if (name == "--member")
            options.member = argv[i + 1];
        else
            return std::nullopt;
    }
    return options;
}

Result<UnixAcceptor> lock_door(boost::asio::io_context& io, const Options& options, const std::vector<int>& listening) {
    if (options.lock_socket) return listen_at(io.get_executor(), *options.lock_socket);
    if (listening.empty())
        return failure(ErrorCode::kSystemFailed, "systemd passed no lock socket", "virtlockd.socket",
                       "systemctl start virtlockd.socket; the drop-in virtlockd.socket.d/ssi.conf must name ssi-guard");
    UnixAcceptor acceptor(io);
    boost::system::error_code error;
    acceptor.assign(boost::asio::local::stream_protocol(), listening.front(), error);
    if (error) return system_failure("cannot use the lock socket", "virtlockd.socket", error.value());
    return acceptor;
}

/// What a member of a cluster with a PDR has more: its slot, its lease, its watchdog.
struct Life {
    std::unique_ptr<LeaseKeeper> lease;
    std::unique_ptr<WitnessGuard> witness;
    std::unique_ptr<PdrSign> sign;
    std::chrono::milliseconds beat{};
};

/// The witness's lease, which the slot's writes alone renew (SAFETY 9).
std::unique_ptr<WitnessGuard> begin_witness_guard(const Options& options, Clock& clock, const TimingConfig& timing,
                                                  LeaseKeeper& lease) {
    const std::chrono::milliseconds alone(std::llround(static_cast<double>(kAloneTime.count()) * timing.scale));
    auto witness = std::make_unique<WitnessGuard>(
        clock, LeaseFile(options.runtime_dir / "witness-lease.json"),
        WitnessGuard::Settings{{timing.lease, alone}, std::min(timing.beat, timing.lease / 10)});
    lease.stop_others = [&guard = *witness] { return guard.outlive(); };
    return witness;
}

std::unique_ptr<Watchdog> begin_watchdog(const MemberConfig& member, std::chrono::milliseconds timeout,
                                         std::optional<int> kept, DescriptorStore& store) {
    // One that is armed is fed, whatever the file says by now.
    if (member.watchdog == WatchdogConfig::kNone && !kept) return nullptr;
    auto watchdog = arm_watchdog(member.watchdog_device, member.watchdog, timeout, kept);
    if (!watchdog) {
        log::error("this host has no watchdog", watchdog.error());
        return nullptr;
    }
    if (!kept && (*watchdog)->descriptor() >= 0) store.keep(kWatchdogName, (*watchdog)->descriptor());
    return *std::move(watchdog);
}

/// The door is there whatever becomes of the PDR.
Result<Life> begin_life(boost::asio::io_context& io, const Options& options, Clock& clock, Guard& guard,
                        RightsServer& server, DescriptorStore& store, std::optional<int> kept_watchdog) {
    const KeptConfig configuration(options.config, options.runtime_dir / "system.toml");
    const auto start = configuration.load(options.member);
    if (!start) return std::unexpected(start.error());
    configuration.keep(start->text);
    const auto& config = start->document.config;
    if (config.pdr.device.empty()) return Life{};
    const auto& timing = config.timing;
    auto watchdog = begin_watchdog(*config.find(start->own), timing.watchdog, kept_watchdog, store);
    Life life;
    life.beat = timing.beat;
    life.lease = std::make_unique<LeaseKeeper>(
        io.get_executor(), clock, guard, LeaseFile(options.runtime_dir / "lease.json"),
        LeaseKeeper::Settings{timing.lease, std::min(timing.beat, timing.watchdog / 4)}, std::move(watchdog));
    life.witness = begin_witness_guard(options, clock, timing, *life.lease);
    auto sign =
        PdrSign::create(io.get_executor(), config, start->own,
                        {life.lease->watchdog(), life.lease->is_lone(), options.runtime_dir / "pdr.lock"},
                        [&server, &lease = *life.lease, &witness = *life.witness](const cluster::PdrPass& pass) {
                            lease.heard(pass);
                            // Not while the member's own is over, nor by a slot that promises a reset that will not
                            // come.
                            if (pass.renewed && lease.counts(*pass.renewed)) witness.renew(*pass.renewed);
                            server.tell(pass);
                        });
    // Without the slot nobody counts on the watchdog, and ssid's renewals carry the lease.
    if (!sign) log::error("this member shows no sign of life on the PDR", sign.error());
    if (sign) life.sign = *std::move(sign);
    server.on_renewed = [&lease = *life.lease](BootTime begun) { lease.renew(begun); };
    if (life.sign) life.lease->tell(*life.sign);
    server.on_described = [&lease = *life.lease, &witness = *life.witness,
                           beat = life.sign.get()](const std::optional<cluster::SlotFacts>& facts) {
        witness.attend(facts.has_value());
        lease.alone(facts ? facts->alone : std::nullopt);
        if (beat != nullptr) beat->describe(facts);
    };
    if (life.sign) life.witness->on_change = [&beat = *life.sign](bool runs) { beat.serve_witness(runs); };
    return life;
}

/// SAFETY 11: whoever counts on the watchdog is told before it is disarmed. While guests run here and that cannot be
/// told it stays armed, and resets this host unless the guard comes back.
boost::asio::awaitable<void> end_life(Life& life, Guard& guard, Clock& clock, DescriptorStore& store,
                                      boost::asio::io_context& io) {
    if (life.lease) {
        const bool is_armed = life.lease->watchdog() != nullptr;
        const bool told = life.sign && co_await life.sign->withdraw_watchdog(
                                           clock, std::min(kWithdrawBeats * life.beat, kWithdrawTime));
        // Only now: the door let guests in meanwhile.
        const auto table = guard.table();
        const bool nothing_runs = table && !(*table)->has_qemu() && !life.witness->runs();
        if (told || nothing_runs) {
            store.drop(kWatchdogName);
            if (auto done = life.lease->lay_down(); !done) log::error("the watchdog stays armed", done.error());
        } else if (is_armed) {
            log::error("the PDR cannot be told that the watchdog is to be disarmed: it stays armed, guests run here");
        }
    }
    io.stop();
}

/// SIG_BLOCK from the first line on, SIG_UNBLOCK when somebody hears what tells the guard to end. One that died of it
/// in its start would leave a watchdog armed that nobody feeds (SAFETY 11), and a call that is interrupted seems to
/// have failed, as arming would. Threads that begin meanwhile are never interrupted.
void set_end_signals(int how) {
    sigset_t signals{};
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGTERM);
    ::sigaddset(&signals, SIGINT);
    ::pthread_sigmask(how, &signals, nullptr);
}

Result<void> serve(const Options& options) {
    boost::asio::io_context io(1);
    DescriptorStore store;
    auto handed = store.take_handed();
    auto door = lock_door(io, options, handed.listening);
    if (!door) return std::unexpected(door.error());
    auto rights = listen_at(io.get_executor(), options.runtime_dir / "rights.sock");
    if (!rights) return std::unexpected(rights.error());

    BootClock clock(io.get_executor());
    Guard guard(io.get_executor(), clock, TableFile(options.runtime_dir / "rights.json"), store);
    RightsServer rights_server(guard, std::move(*rights));
    LockServer lock_server(guard, std::move(*door));
    std::optional<int> kept_watchdog;
    if (const auto kept = handed.kept.extract(kWatchdogName); !kept.empty()) kept_watchdog = kept.mapped();
    for (const auto& [run, descriptor] : guard.restore(std::move(handed.kept))) lock_server.resume(run, descriptor);
    auto life = begin_life(io, options, clock, guard, rights_server, store, kept_watchdog);
    if (!life) {
        log::error("this member shows no sign of life on the PDR and holds no lease", life.error());
        life.emplace();
    }
    if (life->lease) spawn(io.get_executor(), life->lease->run());
    if (life->witness) spawn(io.get_executor(), life->witness->run());
    spawn(io.get_executor(), rights_server.run());
    spawn(io.get_executor(), lock_server.run());

    boost::asio::signal_set signals(io, SIGTERM, SIGINT);
    signals.async_wait([&](const boost::system::error_code& error, int) {
        if (!error) spawn(io.get_executor(), end_life(*life, guard, clock, store, io));
    });
    set_end_signals(SIG_UNBLOCK);
    store.ready();
    io.run();
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    set_end_signals(SIG_BLOCK);
    const auto options = parse(argc, argv);
    if (!options) {
        std::cerr << kUsage;
        return 2;
    }
    become_real_time();
    if (const auto served = serve(*options); !served) {
        log::error("ssi-guard cannot serve", served.error());
        return 1;
    }
    return 0;
}
