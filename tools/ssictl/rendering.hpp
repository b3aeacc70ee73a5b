#pragma once
/// The daemons' JSON documents (docs/architecture.md, "JSON documents") as text for a terminal. Pure. Each ends in a
/// line break. Error: kProtocolViolated, when the document is not what it should be.

#include <boost/json/value.hpp>
#include <string>

#include "lib/common/json_message.hpp"

namespace ssi::ctl {

using Rendering = Result<std::string> (*)(const json::Object& document);

/// QuerySsi, in the form of z/VM's QUERY SSI.
[[nodiscard]] Result<std::string> render_cluster(const json::Object& document);
/// Why
[[nodiscard]] Result<std::string> render_why(const json::Object& document);
[[nodiscard]] Result<std::string> render_member_names(const json::Object& document);
[[nodiscard]] Result<std::string> render_guests(const json::Object& document);
/// GuestList: those that run somewhere, or are on their way, in the sense of z/VM's QUERY NAMES.
[[nodiscard]] Result<std::string> render_residents(const json::Object& document);
[[nodiscard]] Result<std::string> render_guest_names(const json::Object& document);
[[nodiscard]] Result<std::string> render_guest(const json::Object& document);
[[nodiscard]] Result<std::string> render_policy(const json::Object& document);
[[nodiscard]] Result<std::string> render_started(const json::Object& document);
[[nodiscard]] Result<std::string> render_shut_down(const json::Object& document);
[[nodiscard]] Result<std::string> render_destroyed(const json::Object& document);
[[nodiscard]] Result<std::string> render_discarded(const json::Object& document);
[[nodiscard]] Result<std::string> render_move(const json::Object& document);
/// {"v":1,"relocations":[...]}
[[nodiscard]] Result<std::string> render_moves(const json::Object& document);
[[nodiscard]] Result<std::string> render_fence_test(const json::Object& document);
[[nodiscard]] Result<std::string> render_fencing(const json::Object& document);
[[nodiscard]] Result<std::string> render_maintenance(const json::Object& document);
[[nodiscard]] Result<std::string> render_member(const json::Object& document);

/// JSON with line breaks, two spaces a level; nothing is left out and the order is kept.
[[nodiscard]] std::string pretty(const boost::json::value& value);

/// "ssictl: SSI-1040 guest linux01 runs on MEMBER2", and below it what to do.
[[nodiscard]] std::string render_error(const Error& error);

}  // namespace ssi::ctl
