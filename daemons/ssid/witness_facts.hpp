#pragma once
/// What the parts of ssid know together about the witness, and its keeper does not.

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <vector>

#include "daemons/ssid/engine/etcd_engine.hpp"
#include "daemons/ssid/engine/voter_keeper.hpp"
#include "daemons/ssid/engine/witness_keeper.hpp"
#include "daemons/ssid/engine/witness_log.hpp"
#include "daemons/ssid/fencing/fence_chain.hpp"
#include "daemons/ssid/fencing/recorded_verdicts.hpp"
#include "daemons/ssid/membership/membership.hpp"
#include "daemons/ssid/membership/peer_watch.hpp"

namespace ssi::cluster {

/// One io_context; what it is given must outlive it.
class WitnessFacts {
  public:
    struct Sources {
        const SystemConfig& config;
        Membership& membership;
        const PeerWatch& watch;
        const PdrWatch& pdr;
        ClusterView& view;
        EtcdEngine& engine;
        const VoterKeeper& voters;
        Clock& clock;
        boost::asio::any_io_executor executor;
    };
    explicit WitnessFacts(Sources sources);

    /// Answers the keeper's questions from now on. `recorded`: none without a PDR.
    void serve(WitnessKeeper& keeper, RecordedVerdicts* recorded);
    /// Of the witness as one of the engine's voters; none: this cluster has none.
    [[nodiscard]] std::optional<VoterStanding> standing(const WitnessKeeper& keeper) const;
    /// How far the log of its data goes, as witness_log() says; none also when system.toml wants no witness.
    boost::asio::awaitable<Result<std::optional<LogReport>>> log(const WitnessKeeper& keeper, std::uint64_t lineage);

  private:
    [[nodiscard]] std::optional<WitnessKeeper::ClusterFacts> of_majority(const pdr::LockRecord& lock, int areas) const;
    [[nodiscard]] HolderSigns signs_of(const MemberName& holder) const;
    boost::asio::awaitable<Result<EtcdStart>> joining() const;
    boost::asio::awaitable<void> hand_leadership_on();

    Sources of_;
    BlockingCalls calls_;
    std::vector<FenceStep> fences_;  ///< For fencing without a majority.
    RecordedVerdicts* recorded_ = nullptr;
    BootTime next_handing_on_{};
};

}  // namespace ssi::cluster
