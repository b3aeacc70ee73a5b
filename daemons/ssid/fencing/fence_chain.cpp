#include "daemons/ssid/fencing/fence_chain.hpp"

#include <algorithm>

#include "daemons/ssid/fencing/agent_program.hpp"

namespace ssi::cluster {

std::vector<FenceConfig> fence_methods(const SystemConfig& config) {
    auto methods = config.fences;
    if (std::ranges::all_of(methods, [](const auto& fence) { return fence.method == FenceMethod::kAgent; })) {
        FenceConfig time;
        time.name = "time";
        time.method = FenceMethod::kTime;
        methods.push_back(std::move(time));
    }
    return methods;
}

std::vector<FenceStep> fence_chain(const SystemConfig& config) {
    std::vector<FenceStep> chain;
    for (const auto& fence : fence_methods(config)) {
        if (fence.method == FenceMethod::kAgent) chain.emplace_back(std::make_unique<AgentProgram>(fence));
        if (fence.method == FenceMethod::kTime) chain.emplace_back(ProofByTime{});
    }
    return chain;
}

}  // namespace ssi::cluster
