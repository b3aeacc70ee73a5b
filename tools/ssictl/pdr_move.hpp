#pragma once
/// `ssictl pdr move`: the PDR goes on on another volume, while guests run.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "lib/common/json_message.hpp"
#include "tools/ssictl/pdr_place.hpp"

namespace ssi::ctl {

struct PdrMove {
    PdrPlace place;            ///< Where it is now.
    std::filesystem::path to;  ///< By a path that is the same on all members.
    bool force = false;        ///< Although that volume is not empty, or has fewer witness areas.
};

/// What ssid says (`query ssi`) now; none: it does not answer.
using AskCluster = std::function<Result<std::optional<json::Object>>()>;

/// Takes the present volume out of use and makes the new one the PDR, for whoever's system.toml names it. Refused
/// (kMemberUnreachable) unless every member of system.toml is Joined, (kFencingDisarmed) while fencing is armed;
/// without an answer of ssid, (kPdrForeign) when anybody writes to the present volume. Refused (kPdrForeign)
/// while the witness runs, when a verdict or an intent to fence is recorded there, and when anybody writes to the new
/// one. All of that is looked at again in the last moment. The document is that of show_pdr(), with "moved_from".
[[nodiscard]] Result<json::Object> move_pdr(const PdrMove& wanted, const AskCluster& ask);

[[nodiscard]] Result<std::string> render_pdr_move(const json::Object& document);

}  // namespace ssi::ctl
