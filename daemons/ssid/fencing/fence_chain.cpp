#include "daemons/ssid/fencing/fence_chain.hpp"

#include <algorithm>

#include "daemons/ssid/fencing/agent_program.hpp"
#include "daemons/ssid/fencing/reservation_fence.hpp"
#include "lib/common/scsi/sg_io.hpp"

namespace ssi::cluster {

std::vector<FenceConfig> fence_methods(const SystemConfig& config) {
    auto methods = config.fences;
    const auto ends_the_chain = [](const FenceConfig& fence) {
        return fence.method == FenceMethod::kTime || fence.method == FenceMethod::kOperator;
    };
    if (std::ranges::none_of(methods, ends_the_chain)) {
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
        if (fence.method == FenceMethod::kReservations)
            chain.emplace_back(
                std::make_unique<ReservationFence>(config, fence, std::make_shared<scsi::LinuxPaths>(fence.timeout)));
    }
    return chain;
}

}  // namespace ssi::cluster
