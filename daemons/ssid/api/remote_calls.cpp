#include "daemons/ssid/api/remote_calls.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <format>
#include <utility>

#include "daemons/ssid/api/bus_object.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kRequest = "call";
constexpr auto kLongest = 3h;   ///< A move may take two.
constexpr auto kOnTheWay = 2s;  ///< For the request and its answer, beside the call itself.

std::unexpected<Error> not_understood(std::string_view what, const std::string& object) {
    return failure(ErrorCode::kUsage, std::format("{} of a call at another member makes no sense: '{}'", what, object),
                   object);
}

Result<std::vector<std::string>> texts_in(const boost::json::value& value) {
    std::vector<std::string> texts;
    if (!value.is_array()) return not_understood("the list of arguments", boost::json::serialize(value));
    for (const auto& one : value.get_array()) {
        if (!one.is_string()) return not_understood("an argument", boost::json::serialize(one));
        texts.emplace_back(one.get_string());
    }
    return texts;
}

Result<std::chrono::milliseconds> checked(std::int64_t count) {
    const auto time = std::chrono::milliseconds(count);
    if (time <= 0ms || time > kLongest) return not_understood("the time", std::to_string(count));
    return time;
}

Result<std::chrono::milliseconds> time_in(const std::string& text) {
    std::int64_t count = 0;
    const auto* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, count);
    if (read.ec != std::errc() || read.ptr != end) return not_understood("the time", text);
    return checked(count);
}

}  // namespace

RemoteCalls::RemoteCalls(const SystemConfig& config, MemberName own, Peers& peers, std::vector<Bus::Method> methods,
                         CallIsfcd call_isfcd)
    : config_(config), own_(std::move(own)), peers_(peers), call_isfcd_(std::move(call_isfcd)) {
    for (auto& method : methods) methods_.emplace(method.name, std::move(method));
}

RemoteCalls::Answer RemoteCalls::at(std::string member, std::string daemon, std::string method, std::string arguments,
                                    std::string timeout, std::string who) {
    const auto to = MemberName::parse(member);
    if (!to) co_return std::unexpected(to.error());
    if (config_.find(*to) == nullptr)
        co_return failure(ErrorCode::kMemberUnknown, std::format("there is no member {}", member), member,
                          "ssictl query ssi lists the members");
    boost::system::error_code broken;
    const auto parsed = boost::json::parse(arguments, broken);
    if (broken) co_return not_understood("the list of arguments", arguments);
    auto texts = texts_in(parsed);
    if (!texts) co_return std::unexpected(texts.error());
    const auto time = time_in(timeout);
    if (!time) co_return std::unexpected(time.error());
    if (*to == own_) {
        Call call{daemon, method, *std::move(texts), *time, who};
        co_return co_await here(std::move(call));
    }
    json::Object content{{"daemon", daemon},
                         {"method", method},
                         {"arguments", parsed},
                         {"timeout_ms", time->count()},
                         {"who", std::format("{} at {}", who, own_.str())}};
    const auto answer = co_await peers_.ask(*to, kRequest, std::move(content), *time + kOnTheWay);
    if (!answer) co_return std::unexpected(answer.error());
    co_return boost::json::serialize(*answer);
}

RemoteCalls::Answer RemoteCalls::here(Call call) {
    if (call.daemon == "isfcd")
        co_return co_await call_isfcd_(std::move(call.method), std::move(call.arguments), call.timeout);
    const auto found = methods_.find(call.method);
    if (call.daemon != "ssid" || found == methods_.end())
        co_return failure(ErrorCode::kUsage, std::format("{} of {} knows no {}", call.daemon, own_.str(), call.method),
                          call.method, "is another version of ssi installed there?");
    if (found->second.arguments.size() != call.arguments.size())
        co_return failure(ErrorCode::kUsage,
                          std::format("{} of {} wants {} arguments, not {}", call.method, own_.str(),
                                      found->second.arguments.size(), call.arguments.size()),
                          call.method, "is another version of ssi installed there?");
    // Not by the uid, which is another user's here.
    Bus::Caller caller{static_cast<uid_t>(-1), std::move(call.who)};
    co_return co_await found->second.handler(std::move(call.arguments), std::move(caller));
}

boost::asio::awaitable<Result<json::Object>> RemoteCalls::answer(PeerRequest request) {
    Call call;
    const auto read = [&](std::string_view field, std::string& into) -> Result<void> {
        return json::text(request.content, field).transform([&](std::string text) { into = std::move(text); });
    };
    for (const auto& got : {read("daemon", call.daemon), read("method", call.method), read("who", call.who)})
        if (!got) co_return std::unexpected(got.error());
    const auto* arguments = request.content.if_contains("arguments");
    auto texts = texts_in(arguments == nullptr ? boost::json::value() : *arguments);
    if (!texts) co_return std::unexpected(texts.error());
    call.arguments = *std::move(texts);
    const auto time = checked(json::number_or(request.content, "timeout_ms", 0));
    if (!time) co_return std::unexpected(time.error());
    call.timeout = *time;
    const auto text = co_await here(std::move(call));
    if (!text) co_return std::unexpected(text.error());
    co_return json::parse(*text, "the answer", kRequestLimit);
}

void RemoteCalls::serve(RequestServer& server) {
    server.on(kRequest, [this](PeerRequest request) { return answer(std::move(request)); });
}

Bus::Method RemoteCalls::method() {
    return {"At",
            {"member", "daemon", "method", "arguments", "timeout_ms"},
            [this](std::vector<std::string> given, Bus::Caller by) {
                return at(given[0], given[1], given[2], given[3], given[4], user_of(by));
            }};
}

}  // namespace ssi::cluster
