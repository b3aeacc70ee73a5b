#pragma once
/// What systemd and signals want of the process.

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "daemons/isfcd/control.hpp"

namespace ssi::isfc {

/// Tells systemd's watchdog that the loop turns; ends at once where there is none.
boost::asio::awaitable<void> feed_watchdog();

/// Reloads on SIGHUP, as often as it comes. A refusal goes to the journal, and to `systemctl status`.
boost::asio::awaitable<void> reload_on_hangup(std::shared_ptr<IsfcControl> control);

}  // namespace ssi::isfc
