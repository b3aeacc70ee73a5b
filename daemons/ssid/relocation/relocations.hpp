#pragma once
/// Moves of guests away from this member. What is to be done stands in the cluster's state: whoever commits
/// BeginRelocation, the source sees it and carries it out, also after a restart of ssid in its middle.

#include <boost/asio/awaitable.hpp>
#include <set>

#include "daemons/ssid/gate/guard_link.hpp"
#include "daemons/ssid/guests/hypervisor.hpp"
#include "daemons/ssid/membership/membership.hpp"
#include "daemons/ssid/relocation/isfc_link.hpp"

namespace ssi::cluster {

class Relocations {
  public:
    Relocations(Membership& membership, ClusterView& view, GuardLink& guard, Hypervisor& hypervisor, IsfcLink& isfc,
                Clock& clock, const boost::asio::any_io_executor& executor);

    /// Asked for on any member: commits BeginRelocation and waits for the end of the move. Refused by rule, or
    /// kRelocationFailed with the reason; the guest then goes on where it was.
    boost::asio::awaitable<Result<MoveRecord>> move(GuestName guest, MemberName to);

    /// Carries out the moves of this member's guests, for ever.
    boost::asio::awaitable<void> run();

    /// A move of this guest is being carried out here: its right is none of the others' business.
    [[nodiscard]] bool is_moving(const GuestName& guest) const { return under_way_.contains(guest); }

  private:
    boost::asio::awaitable<void> carry_out(GuestName guest, Residency residency);
    boost::asio::awaitable<Result<MigrationTimes>> migrate(GuestName guest, Residency residency);
    boost::asio::awaitable<Result<void>> wait_for_job_end(GuestName guest);
    /// Waits until the cluster's state says how the move ended; asks for its undoing after `patience`.
    boost::asio::awaitable<void> wait_closed(GuestName guest, RunId run, std::chrono::milliseconds patience);
    [[nodiscard]] bool is_open(const GuestName& guest, const RunId& run) const;

    Membership& membership_;
    ClusterView& view_;
    GuardLink& guard_;
    Hypervisor& hypervisor_;
    IsfcLink& isfc_;
    Clock& clock_;
    boost::asio::any_io_executor executor_;
    std::set<GuestName> under_way_;  ///< One at a time for a guest: a hand-over is armed or taken back by one alone.
};

}  // namespace ssi::cluster
