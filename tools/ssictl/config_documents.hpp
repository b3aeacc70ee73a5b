#pragma once
/// `ssictl config check` and `show`: what stands in a system.toml, without a daemon. The answers are documents as the
/// daemons' are. Both of the second program (second_program.hpp): the hash needs OpenSSL.

#include <filesystem>
#include <string>

#include "lib/common/json_message.hpp"
#include "tools/ssictl/second_program.hpp"

namespace ssi::ctl {

/// Every problem, and which member this host is. Error: kConfigMissing.
[[nodiscard]] Result<json::Object> check_config(const std::filesystem::path& file, const Words& words);

/// The file as `member` sees it (empty: the one that this host is): every key with its value, by whose word, and when a
/// change of it takes effect; of the channels its own, each end by whose it is. Errors: kConfigMissing, kConfigInvalid,
/// kMemberUnknown.
[[nodiscard]] Result<json::Object> show_config(const std::filesystem::path& file, const std::string& member,
                                               const Words& words);

}  // namespace ssi::ctl
