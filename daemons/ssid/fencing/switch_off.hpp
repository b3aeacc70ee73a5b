#pragma once
/// A member switched off by whichever fence agent can.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <span>

#include "daemons/ssid/fencing/fence_agent.hpp"

namespace ssi::cluster {

/// One agent after the other, until one confirms. Whether it may be done is for the caller to know (SAFETY 14). Error:
/// kFenceFailed.
boost::asio::awaitable<Result<void>> switch_off(std::span<const std::unique_ptr<FenceAgent>> agents, MemberName target);

}  // namespace ssi::cluster
