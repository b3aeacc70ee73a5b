#pragma once
/// The guests of this member: what the hook is answered, what the guard is told, and what follows from the difference
/// between what the cluster committed and what runs here.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <set>

#include "daemons/ssid/gate/guard_link.hpp"
#include "daemons/ssid/guests/domain_xml.hpp"
#include "daemons/ssid/guests/hypervisor.hpp"
#include "daemons/ssid/membership/membership.hpp"
#include "daemons/ssid/membership/peer_watch.hpp"

namespace ssi::cluster {

class Guests {
  public:
    Guests(Membership& membership, PeerWatch& watch, ClusterView& view, GuardLink& guard, Hypervisor& hypervisor,
           const TimingConfig& timing, Clock& clock, const boost::asio::any_io_executor& executor);

    /// Answers libvirt's hook: the commit of a start happens here (SAFETY 21). An Error refuses.
    boost::asio::awaitable<Result<void>> hook(HookRequest request);

    /// Brings rights and residencies together, at each change of either, for ever. Level-triggered: it looks at what
    /// is, never at what was said, so a lost event costs time, not truth.
    boost::asio::awaitable<void> run();

    /// Set by the wiring: a relocation of this guest is being carried out here (Relocations::is_moving).
    std::function<bool(const GuestName&)> is_moving = [](const GuestName&) { return false; };

    /// Set by the wiring: what SavedImages says of this guest.
    std::function<Result<std::string>(const GuestName&)> saved_image = [](const GuestName&) { return ""; };
    /// Set by the wiring: libvirt here is known to ask our doors (DoorTest::are_asked).
    std::function<bool()> doors_are_asked = [] { return true; };

    /// Something about the guard may have changed.
    void poke() { poked_.notify(); }

  private:
    boost::asio::awaitable<Result<void>> prepare(HookRequest request);
    boost::asio::awaitable<Result<void>> announce_incoming(GuestName guest);
    boost::asio::awaitable<Result<void>> admit_incoming(GuestName guest);
    boost::asio::awaitable<Result<void>> start_was_given_up(GuestName guest);

    boost::asio::awaitable<Result<void>> reconcile();
    boost::asio::awaitable<Result<void>> reconcile_right(Right right);
    boost::asio::awaitable<Result<void>> reconcile_home(Right right, Residency residency);
    boost::asio::awaitable<Result<void>> restart_lost(Right right);
    boost::asio::awaitable<Result<void>> reconcile_stray(Right right);
    boost::asio::awaitable<Result<void>> resolve_incoming(GuestName guest, Relocation relocation);
    boost::asio::awaitable<Result<void>> take_back(Right right, RunId token);
    boost::asio::awaitable<Result<void>> place_orphans();
    boost::asio::awaitable<Result<void>> forget_removed_images();
    boost::asio::awaitable<Result<void>> release(GuestName guest, RunId run);
    boost::asio::awaitable<Result<bool>> runs_unseen(GuestName guest, RunId run);
    void start_pending();
    boost::asio::awaitable<void> start_one(GuestName guest, MemberLife at);

    [[nodiscard]] bool rests_here(const Right& right) const;
    [[nodiscard]] const Residency* incoming(const GuestName& guest) const;

    Membership& membership_;
    PeerWatch& watch_;
    ClusterView& view_;
    GuardLink& guard_;
    Hypervisor& hypervisor_;
    const TimingConfig timing_;
    Clock& clock_;
    boost::asio::any_io_executor executor_;
    Notifier poked_;

    std::set<RunId> starting_;        ///< Commit or grant is under way: not yet to be missed.
    std::set<RunId> cancelled_;       ///< Incoming runs that must not be granted any more.
    std::set<RunId> announced_;       ///< Incoming runs whose `migrate begin` came and whose `prepare` has not yet.
    std::set<GuestName> restoring_;   ///< `restore begin` came: the next `prepare` is no incoming guest.
    std::set<RunId> unguarded_;       ///< Starts while it was not known whether our doors are asked.
    std::set<GuestName> restarting_;  ///< start_one is under way.
    std::map<RunId, BootTime> stray_since_;
    std::map<RunId, BootTime> restarted_since_;  ///< Runs of restarted guests, until they have settled.
};

}  // namespace ssi::cluster
