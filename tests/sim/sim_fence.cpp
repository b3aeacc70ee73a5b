#include "tests/sim/sim_fence.hpp"

#include <stdexcept>
#include <string>

namespace ssi::sim {

using namespace std::chrono_literals;
using boost::asio::awaitable;

namespace {

class Agent final : public cluster::FenceAgent {
  public:
    Agent(Host& host, Process& process) : host_(host), process_(process) {}
    [[nodiscard]] const std::string& name() const override { return name_; }
    awaitable<Result<void>> off(MemberName member) override {
        auto& world = process_.world();
        auto& cluster = host_.cluster;
        // Its host may stand still in the middle of it: nobody looks again then.
        cluster.check_fence(*cluster.host(member));
        co_await process_.sleep(world.between(50ms, cluster.fence_time));
        if (process_.is_dead()) co_await process_.never();
        if (world.chance(cluster.fence_failures)) co_return failure(ErrorCode::kFenceFailed, "the agent failed");
        cluster.host(member)->cut_power();
        ++cluster.fences;
        if (world.chance(cluster.fence_failures))
            co_return failure(ErrorCode::kFenceFailed, "the agent's answer was lost");
        co_return Result<void>{};
    }

  private:
    Host& host_;
    Process& process_;
    std::string name_ = "sim";
};

/// Disks of guests are not simulated: only whether there may still be somebody who writes to them.
class Reservations final : public cluster::WriteFence {
  public:
    Reservations(Host& host, Process& process) : host_(host), process_(process) {}
    [[nodiscard]] const std::string& name() const override { return name_; }
    [[nodiscard]] const std::vector<std::filesystem::path>& volumes() const override {
        return host_.cluster.fenced_volumes;
    }
    [[nodiscard]] bool covers_all_disks() const override { return true; }
    awaitable<Result<void>> may_stop(Request) override { co_return Result<void>{}; }
    awaitable<Result<void>> stop(Request request) override {
        co_await process_.sleep(process_.world().between(10ms, 200ms));
        if (process_.is_dead()) co_await process_.never();
        const auto& target = *host_.cluster.host(request.target.member);
        for (const auto& [pid, qemu] : target.qemus)
            if (qemu.executes && !target.machine.is_frozen())
                throw std::logic_error(target.name.str() + " is stopped while its guests run (SAFETY 13 c)");
        ++host_.cluster.stops;
        co_return Result<void>{};
    }

  private:
    Host& host_;
    Process& process_;
    std::string name_ = "disks";
};

}  // namespace

std::unique_ptr<cluster::FenceAgent> sim_fence_agent(Host& host, Process& ssid) {
    return std::make_unique<Agent>(host, ssid);
}

std::vector<cluster::FenceStep> sim_fence_chain(Host& host, Process& ssid) {
    std::vector<cluster::FenceStep> chain;
    for (int i = 0; i < host.cluster.agents; ++i) chain.emplace_back(sim_fence_agent(host, ssid));
    if (!host.cluster.fenced_volumes.empty()) chain.emplace_back(std::make_unique<Reservations>(host, ssid));
    chain.emplace_back(cluster::ProofByTime{});
    return chain;
}

}  // namespace ssi::sim
