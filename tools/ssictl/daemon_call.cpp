#include "tools/ssictl/daemon_call.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <exception>
#include <format>
#include <utility>

#include "lib/common/bus.hpp"

namespace ssi::ctl {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kLongestAnswer = std::size_t{64} << 20;

Bus::Target target_of(Daemon daemon) {
    if (daemon == Daemon::kIsfcd) return {"org.kvmssi.Isfc1", "/org/kvmssi/Isfc1", "org.kvmssi.Isfc1"};
    return {"org.kvmssi.Ssid1", "/org/kvmssi/Ssid1", "org.kvmssi.Ssid1"};
}

Result<json::Object> read_answer(Daemon daemon, Result<std::string> answer) {
    const auto unit = daemon == Daemon::kIsfcd ? "isfcd" : "ssid";
    if (answer) return json::parse(*answer, unit, kLongestAnswer);
    auto error = std::move(answer.error());
    if (error.code == ErrorCode::kDaemonUnreachable && error.remedy.empty())
        error.remedy = std::format("systemctl status {}", unit);
    return std::unexpected(std::move(error));
}

/// By this member's ssid (docs/architecture.md, "D-Bus": At).
DaemonCall passed_on(const DaemonCall& call, const std::string& member) {
    constexpr std::chrono::seconds kOnTheWay(5);
    boost::json::array arguments;
    for (const auto& one : call.arguments) arguments.emplace_back(one);
    auto passed = call;
    passed.daemon = Daemon::kSsid;
    passed.method = "At";
    passed.arguments = {member, call.daemon == Daemon::kIsfcd ? "isfcd" : "ssid", call.method,
                        boost::json::serialize(arguments), std::to_string(call.timeout.count())};
    passed.timeout = call.timeout + kOnTheWay;
    return passed;
}

}  // namespace

std::vector<Result<json::Object>> call_all(const std::vector<DaemonCall>& calls, const Way& way) {
    std::vector<DaemonCall> wanted;
    for (const auto& one : calls) wanted.push_back(way.member.empty() ? one : passed_on(one, way.member));
    asio::io_context io;
    auto bus = Bus::connect(io.get_executor(), way.bus);
    const auto none = bus ? failure(ErrorCode::kDaemonUnreachable, "the connection to the system bus is gone")
                          : std::unexpected(bus.error());
    std::vector<Result<json::Object>> answers;
    for (const auto& one : wanted) answers.push_back(read_answer(one.daemon, none));
    if (!bus) return answers;
    std::size_t missing = wanted.size();
    std::exception_ptr thrown;
    for (std::size_t i = 0; i < wanted.size(); ++i)
        asio::co_spawn(io,
                       bus->call(target_of(wanted[i].daemon), wanted[i].method, wanted[i].arguments, wanted[i].timeout),
                       [&, i](std::exception_ptr exception, Result<std::string> result) {
                           if (exception) thrown = exception;
                           answers[i] = read_answer(wanted[i].daemon, std::move(result));
                           --missing;
                       });
    while (missing > 0 && !thrown && io.run_one() > 0) {
    }
    if (thrown) std::rethrow_exception(thrown);
    return answers;
}

Result<json::Object> call(const DaemonCall& wanted, const Way& way) {
    return call_all({wanted}, way).front();
}

}  // namespace ssi::ctl
