#include "daemons/ssid/api/fence_test.hpp"

#include <boost/asio/this_coro.hpp>
#include <boost/json/array.hpp>
#include <chrono>
#include <format>
#include <memory>
#include <utility>

#include "daemons/ssid/fencing/agent_program.hpp"
#include "daemons/ssid/fencing/reservation_fence.hpp"
#include "daemons/ssid/fencing/reservation_report.hpp"
#include "lib/common/scsi/sg_io.hpp"

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

/// Reads who is registered at a volume; changes nothing.
boost::asio::awaitable<AgentAnswer> ask_volume(const SystemConfig& config, const FenceConfig& fence,
                                               std::filesystem::path volume, MemberName member) {
    BlockingCalls calls(co_await boost::asio::this_coro::executor, 1);
    const auto begin = std::chrono::steady_clock::now();
    const auto facts = co_await calls.run<VolumeFacts>(
        volume.string(), "read the reservations of " + volume.string(), 2 * fence.timeout,
        [volume, timeout = fence.timeout, uuid = config.cluster_uuid](BlockingCalls::Deadline) {
            scsi::LinuxPaths paths(timeout);
            const scsi::KeyScheme scheme(uuid);
            return ReservedVolume(volume, paths, scheme).look();
        });
    const auto took = std::chrono::floor<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
    if (!facts) co_return AgentAnswer{false, facts.error().text(), took};
    auto report = report_volume(*facts, config, member);
    co_return AgentAnswer{report.ok, std::move(report.says), took};
}

/// What the administrator says of the guests' disks, without which no death is proved.
AgentAnswer judge_all_disks(const FenceConfig& fence) {
    if (fence.all_disks) return {true, "all_disks = true: no guest writes elsewhere", {}};
    return {false, "all_disks = false: guests may write elsewhere, so that reservations prove nothing", {}};
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
        case FenceMethod::kReservations:
            add("all_disks", judge_all_disks(fence));
            for (const auto& volume : reserved_volumes(config, fence)) {
                const auto answer = co_await ask_volume(config, fence, volume, member);
                add(volume.string(), answer);
            }
            break;
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
