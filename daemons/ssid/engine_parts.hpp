#pragma once
/// What directs this member's etcd and the witness's, put together: systemd's units, the director, the keepers of the
/// voters and of the witness, and what was recorded without a majority.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>

#include "daemons/ssid/engine/etcd_director.hpp"
#include "daemons/ssid/engine/log_report.hpp"
#include "daemons/ssid/engine/unit_control.hpp"
#include "daemons/ssid/engine/voter_keeper.hpp"
#include "daemons/ssid/engine/witness_keeper.hpp"
#include "daemons/ssid/fencing/recorded_verdicts.hpp"
#include "daemons/ssid/witness_facts.hpp"
#include "lib/common/systemd_units.hpp"

namespace ssi::cluster {

/// One io_context, no thread of its own but those of the keeper's and the verdicts' blocking calls. It owns its parts
/// and stays where it is, for they call it back; what it is given must outlive it. Nothing runs until voters() and
/// witness() are run.
class EngineParts {
  public:
    struct Sources {
        const SystemConfig& config;
        Membership& membership;
        const PeerWatch& watch;
        const PdrWatch& pdr;
        ClusterView& view;
        EtcdEngine& engine;
        Bus& bus;
        Clock& clock;
        boost::asio::any_io_executor executor;
    };
    /// Also lets a member that leaves wait until its witness is free.
    explicit EngineParts(const Sources& sources);
    EngineParts(const EngineParts&) = delete;
    EngineParts& operator=(const EngineParts&) = delete;

    [[nodiscard]] EtcdDirector& director() { return director_; }
    [[nodiscard]] VoterKeeper& voters() { return voters_; }
    [[nodiscard]] WitnessKeeper& witness() { return witness_; }
    /// None: the cluster has no PDR.
    [[nodiscard]] RecordedVerdicts* verdicts() { return verdicts_ ? &*verdicts_ : nullptr; }

    /// What this member tells when a recovery is to be forced. Errors: those of EtcdDirector::log_report().
    [[nodiscard]] Result<LogReports> log_reports() const;
    /// WitnessFacts::log() of this cluster's witness.
    boost::asio::awaitable<Result<std::optional<LogReport>>> witness_log(std::uint64_t lineage) {
        return witness_facts_.log(witness_, lineage);
    }

  private:
    std::optional<VoterKeeper::Facts> voter_facts();
    boost::asio::awaitable<std::uint64_t> newest_lineage();

    // In the order of dependence: what is used stands before who uses it.
    Sources of_;
    SystemdUnits units_;
    SystemdUnitControl unit_control_;
    EtcdDirector director_;
    VoterKeeper voters_;
    WitnessKeeper witness_;
    std::optional<RecordedVerdicts> verdicts_;
    WitnessFacts witness_facts_;
};

}  // namespace ssi::cluster
