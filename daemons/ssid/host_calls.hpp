#pragma once
/// What ssid asks of other daemons of its host over the system bus.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "lib/common/bus.hpp"
#include "lib/common/error.hpp"
#include "lib/common/json_message.hpp"

namespace ssi::cluster {

/// A method of this member's isfcd whose arguments and answer are texts. The bus must outlive the call, as with all of
/// these. Errors: those of Bus::call().
boost::asio::awaitable<Result<std::string>> call_isfcd(Bus& bus, std::string method, std::vector<std::string> arguments,
                                                       std::chrono::milliseconds timeout);

/// isfcd puts this member's system.toml into effect and answers with its document. Errors: those of Bus::call(),
/// kProtocolViolated (no JSON).
boost::asio::awaitable<Result<json::Object>> reload_isfcd(Bus& bus);

/// libvirtd or virtqemud, whichever runs; no guest stops. Returns when systemd has begun. Errors: those of Bus::call().
boost::asio::awaitable<Result<void>> restart_libvirt(Bus& bus);

/// Boots this host again in order; returns when systemd has begun. Errors: those of Bus::call().
boost::asio::awaitable<Result<void>> reboot_host(Bus& bus);

}  // namespace ssi::cluster
