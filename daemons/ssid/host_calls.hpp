#pragma once
/// What ssid asks of other daemons of its host over the system bus.

#include <boost/asio/awaitable.hpp>

#include "lib/common/bus.hpp"
#include "lib/common/error.hpp"
#include "lib/common/json_message.hpp"

namespace ssi::cluster {

/// isfcd puts this member's system.toml into effect and answers with its document. The bus must outlive the call, as
/// with all of these. Errors: those of Bus::call(), kProtocolViolated (no JSON).
boost::asio::awaitable<Result<json::Object>> reload_isfcd(Bus& bus);

/// Boots this host again in order; returns when systemd has begun. Errors: those of Bus::call().
boost::asio::awaitable<Result<void>> reboot_host(Bus& bus);

}  // namespace ssi::cluster
