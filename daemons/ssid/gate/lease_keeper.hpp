#pragma once
/// Keeps this member's lease in ssi-guard: the door asks it, its end stops every guest, and while all is well the
/// watchdog is fed (SAFETY 5-11).

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "daemons/ssid/gate/guard.hpp"
#include "daemons/ssid/gate/lease.hpp"
#include "daemons/ssid/gate/lease_file.hpp"
#include "daemons/ssid/gate/watchdog.hpp"

namespace ssi::gate {

/// One io_context. `guard` and `clock` must outlive it.
class LeaseKeeper {
  public:
    struct Settings {
        std::chrono::milliseconds term{};  ///< T_lease
        std::chrono::milliseconds beat{};  ///< How often the watchdog is fed.
    };

    /// Finds the lease of this boot again; `guard` has found its table already. Takes the guard's may_admit.
    LeaseKeeper(boost::asio::any_io_executor executor, Clock& clock, Guard& guard, LeaseFile file, Settings settings,
                std::unique_ptr<Watchdog> watchdog);

    /// One of the two signs of life was shown; `begun`: before it was submitted.
    void renew(BootTime begun);

    /// Watches the lease and feeds the watchdog, for ever.
    boost::asio::awaitable<void> run();

    [[nodiscard]] const Watchdog* watchdog() const { return watchdog_.get(); }
    /// Guests run on unguarded from then on: only after the slot says so, or when there is none. No effect without one.
    Result<void> disarm();

    /// Stops what else writes to shared volumes, when the lease is over; answers when that is certain, however long it
    /// takes (SAFETY 7). May be empty.
    std::function<boost::asio::awaitable<void>()> stop_others;

  private:
    void restore();
    void save();
    void feed();
    boost::asio::awaitable<void> stop_writers();
    [[nodiscard]] Result<void> may_admit() const;

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Guard& guard_;
    LeaseFile file_;
    Settings settings_;
    std::unique_ptr<Watchdog> watchdog_;
    Lease lease_;
    bool hungry_ = false;     ///< The watchdog was not fed, and that was told.
    std::string feed_fault_;  ///< The one told last.
};

}  // namespace ssi::gate
