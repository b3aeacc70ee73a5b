#pragma once
/// A member switched off by whichever fence agent can.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <span>

#include "daemons/ssid/fencing/fence_chain.hpp"

namespace ssi::cluster {

/// One agent after the other, until one confirms; the other steps are passed over. Before each one `is_silent` is
/// asked: those before may have taken long, and nobody is switched off who came back meanwhile (SAFETY 14). Errors:
/// kFenceFailed, kMemberAlive.
boost::asio::awaitable<Result<void>> switch_off(std::span<const FenceStep> steps, MemberName target,
                                                std::function<bool()> is_silent);

}  // namespace ssi::cluster
