#include "daemons/ssid/peers/request_message.hpp"

#include <boost/json/serialize.hpp>
#include <format>
#include <utility>

namespace ssi::cluster {
namespace {

constexpr std::size_t kLongestName = 64;

Result<void> check_version(const json::Object& message, std::string_view source) {
    const auto version = json::unsigned_number(message, "v");
    if (!version) return std::unexpected(version.error());
    if (*version == 1) return {};
    return failure(ErrorCode::kProtocolViolated, std::format("{} speaks version {} of requests", source, *version),
                   std::string(source), "upgrade the older of the two members");
}

}  // namespace

std::string encode(const PeerRequest& request) {
    return boost::json::serialize(json::Object{
               {"v", 1}, {"request", request.name}, {"from", request.from.str()}, {"content", request.content}}) +
           '\n';
}

Result<PeerRequest> decode_request(std::string_view line) {
    auto message = json::parse(line, "a member", kRequestLimit);
    if (!message) return std::unexpected(message.error());
    if (auto version = check_version(*message, "a member"); !version) return std::unexpected(version.error());
    auto name = json::text(*message, "request");
    if (!name) return std::unexpected(name.error());
    if (name->size() > kLongestName)
        return failure(ErrorCode::kProtocolViolated, "the name of a request is too long", "request");
    auto from = json::text(*message, "from").and_then(MemberName::parse);
    if (!from) return std::unexpected(from.error());
    auto content = json::object(*message, "content");
    if (!content) return std::unexpected(content.error());
    return PeerRequest{*std::move(name), *std::move(from), *std::move(content)};
}

std::string encode_answer(const Result<json::Object>& answer) {
    json::Object message{{"v", 1}};
    if (answer)
        message["answer"] = *answer;
    else
        message["error"] = json::from_error(answer.error());
    return boost::json::serialize(message) + '\n';
}

Result<json::Object> decode_answer(std::string_view line, const MemberName& peer) {
    const auto message = json::parse(line, peer.str(), kRequestLimit);
    if (!message) return std::unexpected(message.error());
    if (auto version = check_version(*message, peer.str()); !version) return std::unexpected(version.error());
    if (const auto error = json::object(*message, "error")) return std::unexpected(json::to_error(*error));
    return json::object(*message, "answer");
}

}  // namespace ssi::cluster
