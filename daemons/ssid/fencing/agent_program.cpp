#include "daemons/ssid/fencing/agent_program.hpp"

#include <algorithm>
#include <chrono>
#include <format>
#include <utility>

#include "daemons/ssid/fencing/program.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

namespace asio = boost::asio;

constexpr int kOff = 2;  // exit status of `status`; 0: on, 1: not known

std::unexpected<Error> not_confirmed(const std::string& agent, const MemberName& member, std::string_view why) {
    return failure(ErrorCode::kFenceFailed,
                   std::format("fence agent {} did not confirm that {} is off: {}", agent, member.str(), why),
                   member.str(), std::format("if it is off for certain: ssictl member set-down {}", member.str()));
}

/// The last line that says something, which is where agents put their reason, in a form that is fit for a log.
std::string last_line(std::string_view output) {
    constexpr std::size_t kLongest = 200;
    const auto end = output.find_last_not_of(" \t\r\n");
    if (end == std::string_view::npos) return "it said nothing";
    output = output.substr(0, end + 1);
    if (const auto begin = output.find_last_of("\r\n"); begin != std::string_view::npos)
        output.remove_prefix(begin + 1);
    std::string line(output.substr(0, kLongest));
    std::ranges::replace_if(line, [](unsigned char byte) { return byte < ' ' || byte > '~'; }, '?');
    return line;
}

Result<std::string> input_for(const FenceConfig& config, const std::string& action, const MemberName& member) {
    std::string input;
    auto add = [&](std::string_view key, std::string_view value) { input += std::format("{}={}\n", key, value); };
    for (const auto& [key, value] : config.options) {
        if ((key + value).find_first_of("\r\n") != std::string::npos)
            return failure(ErrorCode::kConfigInvalid,
                           std::format("option {} of fence agent {} holds a line break", key, config.name),
                           config.name);
        add(key, value);
    }
    // Last, so that no option can turn an off into something else.
    add("plug", config.plug_of(member));
    add("action", action);
    return input;
}

asio::awaitable<Result<ProgramOutcome>> call(const FenceConfig& config, std::string action, MemberName member) {
    auto input = input_for(config, action, member);
    if (!input) co_return std::unexpected(input.error());
    const auto begin = std::chrono::steady_clock::now();
    auto outcome = co_await run_program({config.agent, {}, std::move(*input), config.timeout});
    const auto took = std::chrono::floor<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
    log::notice(
        std::format("fence agent {}: {} of {} ended after {}: {}", config.name, action, member.str(), took,
                    outcome ? std::format("exit status {}, {}", outcome->exit_status, last_line(outcome->output))
                            : outcome.error().text()),
        {{"SSI_MEMBER", member.str()}, {"SSI_FENCE", config.name}});
    co_return outcome;
}

}  // namespace

AgentProgram::AgentProgram(FenceConfig config) : config_(std::move(config)) {
    if (config_.agent.is_relative()) config_.agent = std::filesystem::path("/usr/sbin") / config_.agent;
}

asio::awaitable<Result<void>> AgentProgram::off(MemberName member) {
    const auto config = config_;  // the agent may be gone before its program is
    const auto off = co_await call(config, "off", member);
    if (!off) co_return not_confirmed(config.name, member, off.error().what);
    if (off->exit_status != 0)
        co_return not_confirmed(config.name, member,
                                std::format("off ended with {}: {}", off->exit_status, last_line(off->output)));
    const auto status = co_await call(config, "status", member);
    if (!status) co_return not_confirmed(config.name, member, status.error().what);
    if (status->exit_status != kOff)
        co_return not_confirmed(config.name, member,
                                std::format("after an off that it called done, status ended with {} instead of {}: {}",
                                            status->exit_status, kOff, last_line(status->output)));
    co_return Result<void>{};
}

}  // namespace ssi::cluster
