#pragma once
/// The FenceAgent that is a program of the fence-agents package, or one that follows its calling convention
/// (https://github.com/ClusterLabs/fence-agents/blob/main/doc/FenceAgentAPI.md).

#include "daemons/ssid/fencing/fence_agent.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::cluster {

/// Calls the agent with `action=off`, and believes it only when `action=status` then says off. Each call is bounded by
/// the configured time-out, after which the agent and its children are killed. Options, which may hold passwords, go to
/// the agent's standard input and nowhere else.
class AgentProgram final : public FenceAgent {
  public:
    explicit AgentProgram(FenceConfig config);
    [[nodiscard]] const std::string& name() const override { return config_.name; }
    boost::asio::awaitable<Result<void>> off(MemberName member) override;

  private:
    FenceConfig config_;
};

}  // namespace ssi::cluster
