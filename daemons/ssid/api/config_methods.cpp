#include "daemons/ssid/api/config_methods.hpp"

#include <boost/json/serialize.hpp>
#include <format>
#include <string>
#include <utility>

namespace ssi::cluster {
namespace {

using Arguments = std::vector<std::string>;

/// A flag: its word, or nothing.
Result<bool> flag(const std::string& given, std::string_view word) {
    if (given.empty() || given == word) return !given.empty();
    return failure(ErrorCode::kUsage, std::format("'{}' is not \"{}\"", given, word), given);
}

boost::asio::awaitable<Result<std::string>> refused(Error error) {
    co_return std::unexpected(std::move(error));
}

}  // namespace

boost::asio::awaitable<Result<std::string>> as_text(boost::asio::awaitable<Result<json::Object>> answer) {
    const auto document = co_await std::move(answer);
    if (!document) co_return std::unexpected(document.error());
    co_return boost::json::serialize(*document);
}

std::vector<Bus::Method> config_methods(ConfigExchange& exchange, MemberChanges& members) {
    auto& e = exchange;
    auto& m = members;
    return {
        {"ConfigDiff", {"member"}, [&e](Arguments given, Bus::Caller) { return as_text(e.diff(std::move(given[0]))); }},
        {"ConfigPush",
         {"force"},
         [&e](Arguments given, Bus::Caller) {
             const auto force = flag(given[0], "force");
             return force ? as_text(e.push(*force)) : refused(force.error());
         }},
        {"ConfigPull", {"member"}, [&e](Arguments given, Bus::Caller) { return as_text(e.pull(std::move(given[0]))); }},
        {"ConfigReload",
         {"all"},
         [&e](Arguments given, Bus::Caller) {
             const auto everywhere = flag(given[0], "all");
             return everywhere ? as_text(e.reload(*everywhere)) : refused(everywhere.error());
         }},
        {"MemberAdd",
         {"member", "slot", "host", "channels"},
         [&m](Arguments given, Bus::Caller) { return as_text(m.add(given[0], given[1], given[2], given[3])); }},
        {"MemberRemove", {"member"}, [&m](Arguments given, Bus::Caller) { return as_text(m.remove(given[0])); }},
        {"MemberRename",
         {"member", "to"},
         [&m](Arguments given, Bus::Caller) { return as_text(m.rename(given[0], given[1])); }},
        {"MemberReplace",
         {"member", "host"},
         [&m](Arguments given, Bus::Caller) { return as_text(m.replace(given[0], given[1])); }},
        {"MemberReboot", {"member", "force"}, [&m](Arguments given, Bus::Caller) {
             const auto force = flag(given[1], "force");
             return force ? as_text(m.reboot(given[0], *force)) : refused(force.error());
         }}};
}

}  // namespace ssi::cluster
