#pragma once
/// From silence to proof: intent, fence agents in order, verdict (SAFETY 13 a, 14).

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <set>
#include <vector>

#include "daemons/ssid/fencing/fence_agent.hpp"
#include "daemons/ssid/membership/membership.hpp"
#include "daemons/ssid/membership/peer_watch.hpp"

namespace ssi::cluster {

class Fencing {
  public:
    Fencing(Membership& membership, PeerWatch& watch, ClusterView& view,
            std::vector<std::unique_ptr<FenceAgent>> agents, Clock& clock,
            const boost::asio::any_io_executor& executor);

    /// Begins to fence whom the watch calls silent, if that is our task. Called after each own beat.
    void consider();

  private:
    void begin(const MemberName& target, Revision alive_seen);
    boost::asio::awaitable<void> fence(MemberName target, Revision alive_seen);
    boost::asio::awaitable<Result<void>> cut_power(MemberName target);
    boost::asio::awaitable<Result<void>> judge(MemberName target, std::string reason);

    Membership& membership_;
    PeerWatch& watch_;
    ClusterView& view_;
    std::vector<std::unique_ptr<FenceAgent>> agents_;
    Clock& clock_;
    boost::asio::any_io_executor executor_;
    std::set<MemberName> under_way_;
};

}  // namespace ssi::cluster
