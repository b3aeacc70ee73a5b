#include "daemons/ssid/api/fence_test.hpp"

#include <boost/json/array.hpp>
#include <format>
#include <utility>

#include "daemons/ssid/fencing/agent_program.hpp"

namespace ssi::cluster {
namespace {

json::Object answer_entry(std::string_view action, const AgentAnswer& answer) {
    return {{"action", action}, {"ok", answer.ok}, {"says", answer.says}, {"took_ms", answer.took.count()}};
}

/// Time proves a death only where it is known that a watchdog's clock went on, and where slots can be read.
AgentAnswer judge_time(const SystemConfig& config, const MemberName& member) {
    const auto* entry = config.find(member);
    if (config.pdr.device.empty()) return {false, "the cluster has no PDR, without which time proves nothing", {}};
    if (entry == nullptr || entry->watchdog != WatchdogConfig::kHardware)
        return {false,
                std::format("watchdog = \"{}\": only a hardware watchdog lets time prove a death",
                            text_of(entry == nullptr ? WatchdogConfig::kNone : entry->watchdog)),
                {}};
    return {true, "a hardware watchdog is declared", {}};
}

boost::asio::awaitable<json::Object> test_method(const SystemConfig& config, const FenceConfig& fence,
                                                 MemberName member) {
    boost::json::array answers;
    bool ok = true;
    const auto add = [&](std::string_view action, const AgentAnswer& answer) {
        ok = ok && answer.ok;
        answers.emplace_back(answer_entry(action, answer));
    };
    switch (fence.method) {
        case FenceMethod::kAgent: {
            AgentProgram agent(fence);
            add("monitor", co_await agent.monitor(member));
            add("status", co_await agent.status(member));
            break;
        }
        case FenceMethod::kTime:
            add("time", judge_time(config, member));
            break;
        case FenceMethod::kOperator:
            add("operator", {true, std::format("waits for: ssictl member set-down {}", member.str()), {}});
            break;
    }
    co_return json::Object{{"name", fence.name},
                           {"method", text_of(fence.method)},
                           {"agent", fence.agent.string()},
                           {"ok", ok},
                           {"answers", std::move(answers)}};
}

}  // namespace

boost::asio::awaitable<json::Object> test_fencing(const SystemConfig& config, MemberName member) {
    boost::json::array methods;
    bool ok = !config.fences.empty();
    for (const auto& fence : config.fences) {
        auto tested = co_await test_method(config, fence, member);
        ok = ok && json::boolean_or(tested, "ok", false);
        methods.emplace_back(std::move(tested));
    }
    co_return json::Object{{"v", 1}, {"member", member.str()}, {"ok", ok}, {"methods", std::move(methods)}};
}

}  // namespace ssi::cluster
