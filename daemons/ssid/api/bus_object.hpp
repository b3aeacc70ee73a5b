#pragma once
/// D-Bus object org.kvmssi.Ssid1 over Administration.

#include <string>
#include <vector>

#include "daemons/ssid/api/administration.hpp"
#include "daemons/ssid/api/engine_administration.hpp"
#include "lib/common/bus.hpp"

namespace ssi::cluster {

inline constexpr auto kBusName = "org.kvmssi.Ssid1";
inline constexpr auto kBusPath = "/org/kvmssi/Ssid1";
inline constexpr auto kBusInterface = "org.kvmssi.Ssid1";

/// As OperatorWord names who said something.
[[nodiscard]] std::string user_of(Bus::Caller caller);

/// The methods; both must outlive the bus.
[[nodiscard]] std::vector<Bus::Method> bus_methods(Administration& administration, EngineAdministration& engine);

}  // namespace ssi::cluster
