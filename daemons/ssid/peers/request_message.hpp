#pragma once
/// What ssids say to each other: one request and its answer on a stream, each a line of JSON (docs/architecture.md,
/// "Requests between ssids"). Everything that must be agreed on goes through the engine instead.

#include <string>
#include <string_view>

#include "lib/common/error.hpp"
#include "lib/common/json_message.hpp"
#include "lib/common/names.hpp"

namespace ssi::cluster {

/// The service on the logical links.
inline constexpr std::string_view kRequestService = "ssid-request";
/// Of a request and of an answer: a system.toml is the longest that any of them holds.
inline constexpr std::size_t kRequestLimit = std::size_t{8} << 20;

struct PeerRequest {
    std::string name;      ///< "config-check"
    MemberName from;       ///< As it says; who may open a stream is a member, by its certificate.
    json::Object content;  ///< What this request wants.
};

/// With a line break at the end.
[[nodiscard]] std::string encode(const PeerRequest& request);
/// Error: kProtocolViolated.
[[nodiscard]] Result<PeerRequest> decode_request(std::string_view line);

/// With a line break at the end.
[[nodiscard]] std::string encode_answer(const Result<json::Object>& answer);
/// The peer's answer, or its refusal; kProtocolViolated when it is neither.
[[nodiscard]] Result<json::Object> decode_answer(std::string_view line, const MemberName& peer);

}  // namespace ssi::cluster
