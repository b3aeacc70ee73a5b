#pragma once
/// Where requests of administrators wait, or are refused, by the cluster's mode (docs/modes.md).

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <vector>

#include "daemons/ssid/membership/membership.hpp"
#include "daemons/ssid/membership/peer_watch.hpp"
#include "daemons/ssid/state/mode_table.hpp"

namespace ssi::cluster {

class ModeGate {
  public:
    /// `patience`: how long a request waits in Influx before it is decided on what is then.
    ModeGate(Membership& membership, PeerWatch& watch, const PdrWatch& pdr, ClusterView& view, Clock& clock,
             std::chrono::milliseconds patience);

    /// What this member sees at this moment.
    [[nodiscard]] Sight sight() const;

    /// Returns when the request may be decided. `needed`: the members that have to do something for it, this one
    /// excepted. Errors: kNoMajority, kMemberUnreachable.
    boost::asio::awaitable<Result<void>> enter(Request request, std::vector<MemberName> needed);

  private:
    [[nodiscard]] Result<void> reachable(const std::vector<MemberName>& needed, const Sight& seen) const;

    Membership& membership_;
    PeerWatch& watch_;
    const PdrWatch& pdr_;
    ClusterView& view_;
    Clock& clock_;
    std::chrono::milliseconds patience_;
};

}  // namespace ssi::cluster
