#pragma once
/// What an administrator can ask of ssid about system.toml and the members in it, as methods of org.kvmssi.Ssid1.

#include <vector>

#include "daemons/ssid/configuration/member_changes.hpp"
#include "lib/common/bus.hpp"

namespace ssi::cluster {

/// Both must outlive the bus.
[[nodiscard]] std::vector<Bus::Method> config_methods(ConfigExchange& exchange, MemberChanges& members);

/// The answer as text, as the bus carries it.
boost::asio::awaitable<Result<std::string>> as_text(boost::asio::awaitable<Result<json::Object>> answer);

}  // namespace ssi::cluster
