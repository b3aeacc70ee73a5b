#pragma once
/// A member switched off by whichever fence agent can.

#include <boost/asio/awaitable.hpp>
#include <span>

#include "daemons/ssid/fencing/fence_chain.hpp"

namespace ssi::cluster {

/// One agent after the other, until one confirms; the other steps are passed over. Whether it may be done is for the
/// caller to know (SAFETY 14). Error: kFenceFailed.
boost::asio::awaitable<Result<void>> switch_off(std::span<const FenceStep> steps, MemberName target);

}  // namespace ssi::cluster
