// ssi-guard: the member's lock door and its table of rights (README.md).

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include "daemons/ssid/gate/guard.hpp"
#include "daemons/ssid/gate/lock_server.hpp"
#include "daemons/ssid/gate/pdr_sign.hpp"
#include "daemons/ssid/gate/real_time.hpp"
#include "daemons/ssid/gate/rights_server.hpp"
#include "daemons/ssid/gate/spawn.hpp"
#include "lib/common/log.hpp"

namespace {

using namespace ssi;
using namespace ssi::gate;

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

/// The door is there whatever becomes of the PDR.
std::unique_ptr<PdrSign> begin_pdr(boost::asio::io_context& io, const Options& options, RightsServer& server) {
    const auto config = load_system_config(options.config);
    const auto own = config ? own_member(*config, options.member) : std::unexpected(config.error());
    auto sign = own ? PdrSign::create(io.get_executor(), *config, *own,
                                      [&server](const cluster::PdrPass& pass) { server.tell(pass); })
                    : std::unexpected(own.error());
    if (!sign) {
        log::error("this member shows no sign of life on the PDR", sign.error());
        return nullptr;
    }
    if (*sign)
        server.on_described = [&beat = **sign](const std::optional<cluster::SlotFacts>& facts) {
            beat.describe(facts);
        };
    return *std::move(sign);
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
    for (const auto& [run, descriptor] : guard.restore(std::move(handed.kept))) lock_server.resume(run, descriptor);
    const auto pdr = begin_pdr(io, options, rights_server);
    spawn(io.get_executor(), rights_server.run());
    spawn(io.get_executor(), lock_server.run());

    boost::asio::signal_set signals(io, SIGTERM, SIGINT);
    signals.async_wait([&](const boost::system::error_code& error, int) {
        if (!error) io.stop();
    });
    store.ready();
    io.run();
    return {};
}

}  // namespace

int main(int argc, char** argv) {
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
