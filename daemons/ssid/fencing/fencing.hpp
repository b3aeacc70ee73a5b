#pragma once
/// From silence to proof: intent, the steps of the fence chain in order, verdict (SAFETY 13 a, b, c, 14).

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <set>
#include <vector>

#include "daemons/ssid/fencing/fence_chain.hpp"
#include "daemons/ssid/membership/membership.hpp"
#include "daemons/ssid/membership/peer_watch.hpp"

namespace ssi::cluster {

class Fencing {
  public:
    /// `pdr`: of a cluster that has one; must outlive this.
    Fencing(Membership& membership, PeerWatch& watch, ClusterView& view, std::vector<FenceStep> chain, Clock& clock,
            const boost::asio::any_io_executor& executor, std::chrono::milliseconds beat,
            const PdrWatch* pdr = nullptr);

    /// Begins to fence whom the watch calls silent, if that is our task. Called after each own beat.
    void consider();

  private:
    void begin(const MemberName& target, Revision alive_seen);
    boost::asio::awaitable<void> fence(MemberName target, Revision alive_seen);
    [[nodiscard]] std::unexpected<Error> is_alive(const MemberName& target) const;
    [[nodiscard]] bool shows_no_sign(const MemberName& target) const;
    boost::asio::awaitable<Result<std::string>> prove_death(MemberLife target, Revision alive_seen);
    boost::asio::awaitable<Result<std::string>> cut_power(FenceAgent& agent, MemberName target);
    boost::asio::awaitable<Result<std::string>> wait_until_dead(MemberLife target, Revision alive_seen);
    boost::asio::awaitable<Result<std::string>> stop_writes(WriteFence& fence, MemberLife target, Revision alive_seen);
    boost::asio::awaitable<Result<WriteFence::Request>> may_stop_writes(WriteFence& fence, MemberLife target);
    /// A span of time that a member's slot names, and the proof that it has stood still for so long.
    struct Stillness {
        std::optional<std::chrono::milliseconds> (PdrWatch::*time)(const MemberName&) const;
        Result<void> (PdrWatch::*proof)(const MemberLife&, BootTime) const;
    };
    boost::asio::awaitable<Result<std::chrono::milliseconds>> wait_until_still(MemberLife target, Revision alive_seen,
                                                                               Stillness stillness);
    boost::asio::awaitable<Result<void>> judge(MemberName target, std::string reason);

    Membership& membership_;
    PeerWatch& watch_;
    ClusterView& view_;
    std::vector<FenceStep> chain_;
    Clock& clock_;
    boost::asio::any_io_executor executor_;
    std::chrono::milliseconds beat_;
    const PdrWatch* pdr_;
    std::set<MemberName> under_way_;
};

}  // namespace ssi::cluster
