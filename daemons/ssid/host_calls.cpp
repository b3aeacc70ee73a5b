#include "daemons/ssid/host_calls.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace ssi::cluster {

using namespace std::chrono_literals;
using boost::asio::awaitable;

awaitable<Result<std::string>> call_isfcd(Bus& bus, std::string method, std::vector<std::string> arguments,
                                          std::chrono::milliseconds timeout) {
    const Bus::Target isfcd{"org.kvmssi.Isfc1", "/org/kvmssi/Isfc1", "org.kvmssi.Isfc1"};
    return bus.call(isfcd, std::move(method), std::move(arguments), timeout);
}

awaitable<Result<json::Object>> reload_isfcd(Bus& bus) {
    auto answer = co_await call_isfcd(bus, "Reload", std::vector<std::string>(), 10s);
    if (!answer) co_return std::unexpected(answer.error());
    co_return json::parse(*answer, "isfcd");
}

awaitable<Result<void>> restart_libvirt(Bus& bus) {
    const Bus::Target manager{"org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                              "org.freedesktop.systemd1.Manager"};
    for (const auto* name : {"libvirtd.service", "virtqemud.service"}) {
        std::vector<std::string> unit{name, "replace"};
        auto answer = co_await bus.call(manager, "TryRestartUnit", std::move(unit), 10s);
        // A unit that is not installed is not loaded either.
        if (!answer && !answer.error().object.ends_with("NoSuchUnit")) co_return std::unexpected(answer.error());
    }
    co_return Result<void>{};
}

/// As `systemctl reboot`: the manager's own Reboot would stop no unit.
awaitable<Result<void>> reboot_host(Bus& bus) {
    const Bus::Target manager{"org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                              "org.freedesktop.systemd1.Manager"};
    std::vector<std::string> unit{"reboot.target", "replace-irreversibly"};
    auto answer = co_await bus.call(manager, "StartUnit", std::move(unit), 10s);
    if (!answer) co_return std::unexpected(answer.error());
    co_return Result<void>{};
}

}  // namespace ssi::cluster
