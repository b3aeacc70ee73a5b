#pragma once
/// The FenceAgent that is a program of the fence-agents package, or one that follows its calling convention
/// (https://github.com/ClusterLabs/fence-agents/blob/main/doc/FenceAgentAPI.md).

#include <chrono>
#include <string>

#include "daemons/ssid/fencing/fence_agent.hpp"
#include "daemons/ssid/fencing/fence_credentials.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::cluster {

/// What an agent said to an action that changes nothing.
struct AgentAnswer {
    bool ok = false;
    std::string says;  ///< Its last line, or why it could not be asked; fit for a terminal, without credentials.
    std::chrono::milliseconds took{};
};

/// Calls the agent with `action=off`, and believes it only when `action=status` then says off. Each call is bounded by
/// the configured time-out, after which the agent and its children are killed. Options, which may hold passwords, go to
/// the agent's standard input and nowhere else; credentials are read anew for each call, and what the agent says of
/// them is made unreadable in logs and errors.
class AgentProgram final : public FenceAgent {
  public:
    explicit AgentProgram(FenceConfig config, CredentialsRule rule = {});
    [[nodiscard]] const std::string& name() const override { return config_.name; }
    boost::asio::awaitable<Result<void>> off(MemberName member) override;
    /// Asks, and changes nothing: can the device be reached (monitor), does it know the member's plug (status: on or
    /// off).
    boost::asio::awaitable<AgentAnswer> monitor(MemberName member);
    boost::asio::awaitable<AgentAnswer> status(MemberName member);

  private:
    FenceConfig config_;
    CredentialsRule rule_;
};

}  // namespace ssi::cluster
