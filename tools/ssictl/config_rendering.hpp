#pragma once
/// The documents about system.toml, ssid's (docs/architecture.md, "JSON documents") and those of config_documents, as
/// text for a terminal. Pure. Error: kProtocolViolated, when the document is not what it should be.

#include <boost/json/array.hpp>
#include <string>

#include "lib/common/json_message.hpp"

namespace ssi::ctl {

/// check_config
[[nodiscard]] Result<std::string> render_config_check(const json::Object& document);
/// How many problems such a document has.
[[nodiscard]] std::size_t problems_in(const json::Object& document);
/// show_config
[[nodiscard]] Result<std::string> render_config(const json::Object& document);
/// ConfigDiff, with "not_in_file" (run_time_channels).
[[nodiscard]] Result<std::string> render_config_diff(const json::Object& document);
[[nodiscard]] Result<std::string> render_config_push(const json::Object& document);
[[nodiscard]] Result<std::string> render_config_pull(const json::Object& document);
[[nodiscard]] Result<std::string> render_config_reload(const json::Object& document);
/// MemberAdd, MemberRemove, MemberRename, MemberReplace, MemberReboot.
[[nodiscard]] Result<std::string> render_member_change(const json::Object& document);
/// How many members of such a document refused to reload.
[[nodiscard]] std::size_t refusals_in(const json::Object& document);

/// Of a document of isfcd's Query: [{member,channel}] for each channel that was added at run time and is in no file.
[[nodiscard]] boost::json::array run_time_channels(const json::Object& links);

}  // namespace ssi::ctl
