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
#include "daemons/ssid/gate/slot_word.hpp"
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

    /// Where this member has a slot, which says that the watchdog is armed if there is one by now. Must outlive this.
    void tell(SlotNotice& notice) { notice_ = &notice; }

    /// One of the two signs of life was shown; `begun`: before it was submitted.
    void renew(BootTime begun);

    /// What ssid says of being alone (SAFETY 3); none: it is away, or does not know.
    void alone(std::optional<bool> alone) { alone_ = alone; }
    [[nodiscard]] bool is_lone() const { return lease_.is_lone(); }
    /// After each pass over the PDR: it shows a sign of life; or says that this boot was declared dead, and then every
    /// guest is killed and nothing renews the lease (SAFETY 6). LONE begins and ends only with one in which our own
    /// slot came back: a member that cannot take it back from its slot stays alone.
    void heard(const cluster::PdrPass& pass);

    /// The sign that was begun then counts for it.
    [[nodiscard]] bool counts(BootTime begun) const {
        return lease_.deadline() && *lease_.deadline() >= begun + settings_.term;
    }

    /// Watches the lease and feeds the watchdog, for ever.
    boost::asio::awaitable<void> run();

    [[nodiscard]] const Watchdog* watchdog() const { return watchdog_.get(); }
    /// Ends the guard's care in order: guests run on unguarded. Only after the slot says so, or when none runs.
    Result<void> lay_down();

    /// Stops what else writes to shared volumes, when the lease is over; answers when that is certain, however long it
    /// takes (SAFETY 7). May be empty.
    std::function<boost::asio::awaitable<void>()> stop_others;

  private:
    void restore();
    bool save();
    void feed();
    void judge(bool is_condemned);
    void judge_lone();
    void judge_watchdog(const Result<void>& fed);
    boost::asio::awaitable<void> stop_writers();
    [[nodiscard]] Result<void> may_admit() const;

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Guard& guard_;
    LeaseFile file_;
    Settings settings_;
    std::unique_ptr<Watchdog> watchdog_;
    SlotNotice* notice_ = nullptr;
    Lease lease_;
    std::optional<bool> alone_;
    bool hungry_ = false;  ///< The watchdog was not fed on purpose, and that was told.
    bool works_ = false;   ///< The watchdog.
};

}  // namespace ssi::gate
