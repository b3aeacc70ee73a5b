#include "daemons/ssid/fencing/agent_program.hpp"

#include <algorithm>
#include <chrono>
#include <format>
#include <map>
#include <utility>
#include <vector>

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

using Options = std::map<std::string, std::string>;

/// The last line that says something, which is where agents put their reason, in a form that is fit for a log: without
/// what is secret, though an agent may repeat it.
std::string last_line(std::string_view output, const Options& secrets) {
    constexpr std::size_t kLongest = 200;
    const auto end = output.find_last_not_of(" \t\r\n");
    if (end == std::string_view::npos) return "it said nothing";
    output = output.substr(0, end + 1);
    if (const auto begin = output.find_last_of("\r\n"); begin != std::string_view::npos)
        output.remove_prefix(begin + 1);
    std::string line(output);
    for (const auto& [key, value] : secrets)
        for (auto at = value.empty() ? std::string::npos : line.find(value); at != std::string::npos;
             at = line.find(value, at + 3))
            line.replace(at, value.size(), "***");
    if (line.size() > kLongest) line.resize(kLongest);
    std::ranges::replace_if(line, [](unsigned char byte) { return byte < ' ' || byte > '~'; }, '?');
    return line;
}

Result<std::string> input_for(const FenceConfig& config, const Options& secrets, const std::string& action,
                              const MemberName& member) {
    std::string input;
    auto add = [&](std::string_view key, std::string_view value) { input += std::format("{}={}\n", key, value); };
    for (const auto& [key, value] : config.options) {
        if ((key + value).find_first_of("\r\n") != std::string::npos)
            return failure(ErrorCode::kConfigInvalid,
                           std::format("option {} of fence agent {} holds a line break", key, config.name),
                           config.name);
        add(key, value);
    }
    for (const auto& [key, value] : secrets) add(key, value);
    // Last, so that no option can turn an off into something else.
    add("plug", config.plug_of(member));
    add("action", action);
    return input;
}

/// How one call of the agent ended, if it did.
struct Called {
    int exit_status = 0;
    std::string says;
    std::chrono::milliseconds took{};
};

asio::awaitable<Result<Called>> call(const FenceConfig& config, CredentialsRule rule, std::string action,
                                     MemberName member) {
    Options secrets;
    if (!config.credentials.empty()) {
        auto read = read_fence_credentials(config.credentials, rule);
        if (!read) co_return std::unexpected(read.error());
        secrets = *std::move(read);
    }
    auto input = input_for(config, secrets, action, member);
    if (!input) co_return std::unexpected(input.error());
    const auto begin = std::chrono::steady_clock::now();
    auto outcome = co_await run_program({config.agent, {}, std::move(*input), config.timeout});
    const auto took = std::chrono::floor<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
    const auto says = outcome ? last_line(outcome->output, secrets) : outcome.error().text();
    log::notice(std::format("fence agent {}: {} of {} ended after {}: {}", config.name, action, member.str(), took,
                            outcome ? std::format("exit status {}, {}", outcome->exit_status, says) : says),
                {{"SSI_MEMBER", member.str()}, {"SSI_FENCE", config.name}});
    if (!outcome) co_return std::unexpected(outcome.error());
    co_return Called{outcome->exit_status, says, took};
}

/// Asks for an action that changes nothing; `fits`: the exit statuses of a device that can be relied on.
asio::awaitable<AgentAnswer> ask(FenceConfig config, CredentialsRule rule, std::string action, MemberName member,
                                 std::vector<int> fits) {
    const auto begin = std::chrono::steady_clock::now();
    const auto called = co_await call(config, rule, action, member);
    const auto took = std::chrono::floor<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
    if (!called) co_return AgentAnswer{false, called.error().text(), took};
    if (std::ranges::contains(fits, called->exit_status)) co_return AgentAnswer{true, called->says, took};
    co_return AgentAnswer{false, std::format("exit status {}: {}", called->exit_status, called->says), took};
}

}  // namespace

AgentProgram::AgentProgram(FenceConfig config, CredentialsRule rule) : config_(std::move(config)), rule_(rule) {
    if (config_.agent.is_relative()) config_.agent = std::filesystem::path("/usr/sbin") / config_.agent;
}

asio::awaitable<Result<void>> AgentProgram::off(MemberName member) {
    const auto config = config_;  // the agent may be gone before its program is
    const auto rule = rule_;
    const auto off = co_await call(config, rule, "off", member);
    if (!off) co_return not_confirmed(config.name, member, off.error().what);
    if (off->exit_status != 0)
        co_return not_confirmed(config.name, member, std::format("off ended with {}: {}", off->exit_status, off->says));
    const auto status = co_await call(config, rule, "status", member);
    if (!status) co_return not_confirmed(config.name, member, status.error().what);
    if (status->exit_status != kOff)
        co_return not_confirmed(config.name, member,
                                std::format("after an off that it called done, status ended with {} instead of {}: {}",
                                            status->exit_status, kOff, status->says));
    co_return Result<void>{};
}

asio::awaitable<AgentAnswer> AgentProgram::monitor(MemberName member) {
    return ask(config_, rule_, "monitor", std::move(member), {0});
}

asio::awaitable<AgentAnswer> AgentProgram::status(MemberName member) {
    return ask(config_, rule_, "status", std::move(member), {0, kOff});
}

}  // namespace ssi::cluster
