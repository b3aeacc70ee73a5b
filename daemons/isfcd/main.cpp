// isfcd: the logical links of this member. Here only the process: options, signals, systemd.
#include <systemd/sd-daemon.h>

#include <CLI/CLI.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <format>
#include <string>

#include "daemons/isfcd/bus_service.hpp"
#include "daemons/isfcd/isfcd.hpp"
#include "lib/common/log.hpp"
#include "lib/common/system_config.hpp"

namespace asio = boost::asio;
using namespace ssi;

namespace {

constexpr int kExitConfig = 78;                             // EX_CONFIG of sysexits(3)
constexpr auto kFarewell = std::chrono::milliseconds(250);  // for the goodbyes to leave

int fail(const Error& error) {
    log::error("isfcd cannot start", error);
    return kExitConfig;
}

asio::awaitable<void> feed_watchdog() {
    std::uint64_t interval_us = 0;
    if (sd_watchdog_enabled(0, &interval_us) <= 0) co_return;
    asio::steady_timer timer(co_await asio::this_coro::executor);
    for (;;) {
        sd_notify(0, "WATCHDOG=1");
        timer.expires_after(std::chrono::microseconds(interval_us / 3));
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

}  // namespace

int main(int argc, char** argv) {
    isfc::IsfcdPaths paths;
    std::string config_file = "/etc/ssi/system.toml";
    std::string member;
    CLI::App options("Logical links between the members of an SSI cluster");
    options.add_option("--config", config_file, "The cluster's configuration")->capture_default_str();
    options.add_option("--member", member, "Which member this is; default: the one with this host's name");
    options.add_option("--runtime-dir", paths.runtime, "Where local programs find the links")->capture_default_str();
    options.add_option("--services-dir", paths.services, "Sockets there are offered; default: services in runtime-dir");
    options.add_option("--offers-dir", paths.offers, "Configured services (*.toml)")->capture_default_str();
    options.add_option("--pki", paths.pki, "Certificates; default: as the configuration says");
    options.set_version_flag("--version", SSI_VERSION);
    CLI11_PARSE(options, argc, argv);

    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
    const auto config = load_system_config(config_file);
    if (!config) return fail(config.error());
    const auto own = own_member(*config, member);
    if (!own) return fail(own.error());

    asio::io_context context(1);
    const auto daemon = isfc::Isfcd::create(context.get_executor(), *config, *own, paths);
    if (!daemon) return fail(daemon.error());
    if (auto started = (*daemon)->start(); !started) return fail(started.error());
    const auto bus = std::make_shared<isfc::BusService>(context.get_executor(), *daemon);
    bus->start();
    asio::co_spawn(context, feed_watchdog, asio::detached);

    asio::signal_set signals(context, SIGTERM, SIGINT);
    asio::steady_timer farewell(context);
    signals.async_wait([&](boost::system::error_code, int number) {
        sd_notify(0, "STOPPING=1");
        log::notice(std::format("isfcd stops: {}", number == SIGTERM ? "SIGTERM" : "SIGINT"));
        bus->stop();
        (*daemon)->stop();
        farewell.expires_after(kFarewell);
        farewell.async_wait([&](boost::system::error_code) { context.stop(); });
    });
    sd_notify(0, "READY=1");
    log::notice(std::format("isfcd {} serves {} in cluster {}", SSI_VERSION, own->str(), config->cluster));
    context.run();
    return 0;
}
