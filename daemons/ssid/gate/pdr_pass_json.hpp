#pragma once
/// A pass over the PDR as the guard's socket carries it (docs/architecture.md, "The guard's socket").

#include "daemons/ssid/gate/guard_link.hpp"
#include "lib/common/json_message.hpp"

namespace ssi::gate {

inline constexpr std::string_view kPdrPassEvent = "pdr-pass";

[[nodiscard]] json::Object to_json(const cluster::PdrPass& pass);
/// Error: kProtocolViolated.
[[nodiscard]] Result<cluster::PdrPass> pdr_pass_from_json(const json::Object& object);

}  // namespace ssi::gate
