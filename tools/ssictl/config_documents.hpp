#pragma once
/// `ssictl config check` and `show`: what stands in a system.toml, without a daemon. The answers are documents as the
/// daemons' are.

#include <filesystem>
#include <string>

#include "lib/common/json_message.hpp"

namespace ssi::ctl {

/// Every problem, and which member this host is. Error: kConfigMissing.
[[nodiscard]] Result<json::Object> check_config(const std::filesystem::path& file);
[[nodiscard]] Result<std::string> render_config_check(const json::Object& document);
/// How many problems a document of check_config has.
[[nodiscard]] std::size_t problems_in(const json::Object& document);

/// The file as `member` sees it (empty: the one that this host is): every key with its value, by whose word, and when a
/// change of it takes effect; of the channels its own, each end by whose it is. Errors: kConfigMissing, kConfigInvalid,
/// kMemberUnknown.
[[nodiscard]] Result<json::Object> show_config(const std::filesystem::path& file, const std::string& member);
[[nodiscard]] Result<std::string> render_config(const json::Object& document);

}  // namespace ssi::ctl
