#pragma once
/// isfcd's documents as text for a terminal. Pure. Errors as in rendering.hpp.

#include <string>
#include <string_view>

#include "tools/ssictl/rendering.hpp"

namespace ssi::ctl {

/// Query: a line for each channel.
[[nodiscard]] Result<std::string> render_links(const json::Object& document);
/// Query: all there is to say of each link, and of our own certificates.
[[nodiscard]] Result<std::string> render_link_details(const json::Object& document);
[[nodiscard]] Result<std::string> render_link_members(const json::Object& document);
/// Streams.
[[nodiscard]] Result<std::string> render_streams(const json::Object& document);
/// Activate, AddChannel, Deactivate.
[[nodiscard]] Result<std::string> render_channel(const json::Object& document);
/// Reload.
[[nodiscard]] Result<std::string> render_reload(const json::Object& document);

/// The document of Query with the link to `member` alone. Errors: kMemberUnknown; kProtocolViolated.
[[nodiscard]] Result<json::Object> only_link(json::Object document, std::string_view member);

/// One line for each channel of Query's document that is not encrypted; empty when all are.
[[nodiscard]] std::string unencrypted_warnings(const json::Object& document);

}  // namespace ssi::ctl
