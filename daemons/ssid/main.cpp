// ssid: membership, cluster state and guests of this member. Wiring is in daemon.cpp.
#include <systemd/sd-daemon.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <iostream>
#include <string>

#include "daemons/ssid/daemon.hpp"
#include "lib/common/config/kept_config.hpp"
#include "lib/common/log.hpp"

namespace {

constexpr int kExitConfig = 78;  // EX_CONFIG of sysexits.h, as systemd shows it.

int fail(const ssi::Error& error, int status) {
    ssi::log::error("ssid does not start", error);
    return status;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Membership, cluster state and guests of one SSI member"};
    std::string config_file = "/etc/ssi/system.toml";
    std::string member;
    bool check = false;
    app.add_option("--config", config_file, "The cluster's configuration")->capture_default_str();
    app.add_option("--member", member, "Name of this member (default: the one whose host is this host's name)");
    app.add_flag("--check", check, "Check the configuration and exit");
    app.set_version_flag("--version", SSI_VERSION);
    CLI11_PARSE(app, argc, argv);

    const ssi::cluster::Places places{.config = config_file};
    const ssi::KeptConfig configuration(places.config, places.kept_config);
    auto start = configuration.load(member);
    if (!start) return fail(start.error(), kExitConfig);
    if (check) {
        if (start->fault) return fail(*start->fault, kExitConfig);
        std::cout << config_file << ": cluster " << start->document.config.cluster << ", this is " << start->own.str()
                  << '\n';
        return 0;
    }

    boost::asio::io_context context(1);
    boost::asio::signal_set signals(context, SIGTERM, SIGINT);
    // Guests go on: stopping ssid is not leaving the cluster (R8); ssi-member.service does that.
    signals.async_wait([&context](const boost::system::error_code& error, int) {
        if (error) return;
        ::sd_notify(0, "STOPPING=1");
        context.stop();
    });
    ssi::cluster::Daemon daemon(context, std::move(start->document), start->own, places);
    if (auto started = daemon.start(); !started) return fail(started.error(), 1);
    configuration.keep(start->text);
    context.run();
    return 0;
}
