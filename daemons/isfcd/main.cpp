// isfcd: the logical links of this member. Here only the process: options, signals, systemd.
#include <systemd/sd-daemon.h>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <format>
#include <string>

#include "daemons/isfcd/bus_service.hpp"
#include "daemons/isfcd/isfcd.hpp"
#include "daemons/isfcd/process.hpp"
#include "lib/common/log.hpp"
#include "lib/common/metrics_server.hpp"
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

}  // namespace

int main(int argc, char** argv) {
    isfc::IsfcdPaths paths;
    std::filesystem::path metrics_socket = "/run/ssi/metrics/isfcd.sock";
    std::string member;
    CLI::App options("Logical links between the members of an SSI cluster");
    options.add_option("--config", paths.config, "The cluster's configuration")->capture_default_str();
    options.add_option("--member", member, "Which member this is; default: the one with this host's name");
    options.add_option("--runtime-dir", paths.runtime, "Where local programs find the links")->capture_default_str();
    options.add_option("--services-dir", paths.services, "Sockets there are offered; default: services in runtime-dir");
    options.add_option("--offers-dir", paths.offers, "Configured services (*.toml)")->capture_default_str();
    options.add_option("--pki", paths.pki, "Certificates; default: as the configuration says");
    options.add_option("--metrics", metrics_socket, "Numbers for Prometheus, over HTTP")->capture_default_str();
    options.set_version_flag("--version", SSI_VERSION);
    CLI11_PARSE(options, argc, argv);

    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
    const auto config = paths.kept_config().load(member);
    if (!config) return fail(config.error());

    // Without it the links work, only less promptly on a busy member.
    if (auto asked = isfc::ask_for_short_slices(); !asked) log::debug(asked.error().text());
    asio::io_context context(1);
    const auto daemon = isfc::Isfcd::create(context.get_executor(), config->document.config, config->own, paths);
    if (!daemon) return fail(daemon.error());
    if (auto started = (*daemon)->start(); !started) return fail(started.error());
    paths.kept_config().keep(config->text);
    const auto bus = std::make_shared<isfc::BusService>(context.get_executor(), *daemon);
    bus->start();
    const auto metrics = std::make_shared<MetricsServer>(context.get_executor(), metrics_socket,
                                                         [isfcd = *daemon] { return isfcd->metrics(); });
    // Links do not depend on who looks at them.
    if (auto begun = metrics->start(); !begun) log::warning("metrics are not served", begun.error());
    asio::co_spawn(context, isfc::feed_watchdog(), asio::detached);
    asio::co_spawn(context, isfc::reload_on_hangup(*daemon), asio::detached);

    asio::signal_set signals(context, SIGTERM, SIGINT);
    asio::steady_timer farewell(context);
    signals.async_wait([&](boost::system::error_code, int number) {
        sd_notify(0, "STOPPING=1");
        log::notice(std::format("isfcd stops: {}", number == SIGTERM ? "SIGTERM" : "SIGINT"));
        bus->stop();
        metrics->stop();
        (*daemon)->stop();
        farewell.expires_after(kFarewell);
        farewell.async_wait([&](boost::system::error_code) { context.stop(); });
    });
    sd_notify(0, "READY=1");
    log::notice(std::format("isfcd {} serves {} in cluster {}", SSI_VERSION, config->own.str(),
                            config->document.config.cluster));
    context.run();
    return 0;
}
