#pragma once
/// What systemd and signals want of the process.

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "daemons/isfcd/control.hpp"
#include "lib/common/error.hpp"

namespace ssi::isfc {

/// Asks the kernel's scheduler for short slices of time: a thread that wakes goes before one that computes in longer
/// ones (sched(7), Linux 6.12). It gets no more time by it, only sooner. Error: kSystemFailed.
Result<void> ask_for_short_slices();

/// Tells systemd's watchdog that the loop turns; ends at once where there is none.
boost::asio::awaitable<void> feed_watchdog();

/// Reloads on SIGHUP, as often as it comes. A refusal goes to the journal, and to `systemctl status`.
boost::asio::awaitable<void> reload_on_hangup(std::shared_ptr<IsfcControl> control);

}  // namespace ssi::isfc
