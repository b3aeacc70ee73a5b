#pragma once
/// Calling a daemon and reading its answer.

#include <string>
#include <vector>

#include "lib/common/json_message.hpp"
#include "tools/ssictl/command_line.hpp"
#include "tools/ssictl/way.hpp"

namespace ssi::ctl {

/// Calls with a connection of its own. Errors: what it was refused with; kDaemonUnreachable, kProtocolViolated.
[[nodiscard]] Result<json::Object> call(const DaemonCall& wanted, const Way& way);

/// All at the same time, over one connection; the answers in the order of the calls.
[[nodiscard]] std::vector<Result<json::Object>> call_all(const std::vector<DaemonCall>& wanted, const Way& way);

}  // namespace ssi::ctl
