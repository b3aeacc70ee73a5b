#pragma once
/// Sees that this member's etcd runs as it should, and never with a past it has lost.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "daemons/ssid/engine/engine_marker.hpp"
#include "daemons/ssid/engine/etcd_config.hpp"
#include "daemons/ssid/engine/gateway_messages.hpp"
#include "daemons/ssid/engine/log_report.hpp"
#include "daemons/ssid/engine/unit_control.hpp"
#include "lib/common/error.hpp"
#include "lib/common/names.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::cluster {

inline constexpr auto kEtcdUnit = "ssi-etcd.service";
/// In the store: how many forced recoveries it has behind it, {"v":1,"lineage":N}; none: 0.
inline constexpr auto kLineageKey = "ssi/engine/v1/lineage";

/// What the cluster's list of voters says of this member, and what became of it here.
enum class OwnSeat {
    kNone,     ///< It has no seat: no etcd runs here.
    kLearner,  ///< Its etcd runs, or is starting, and follows.
    kVoter,
    kLost,  ///< Its seat cannot be used again: the data is gone. It must be removed before another can be given.
};

/// The unit's own Restart= brings a crashed etcd back; ssid's restart or crash does not touch it (R8).
class EtcdDirector {
  public:
    EtcdDirector(const SystemConfig& config, MemberName own, UnitControl& units, EtcdPlaces places = {});

    /// Without knowing the list. One that has begun before: makes the working directory with its links, and starts
    /// etcd, or restarts it if its configuration has changed, or leaves it alone. One that has never begun: the same,
    /// as part of a new cluster, if it is one of the voters with which a cluster begins; else stops etcd if it runs.
    /// Does not wait for a majority; blocks for the disk. Errors: kEngineFailed when this member has voted before and
    /// its data is gone (it could give its votes a second time and so undo what was committed, R3), or the data is
    /// another cluster's; those of UnitControl.
    boost::asio::awaitable<Result<void>> bring_up();

    /// As the list says, which a majority has just confirmed. A new seat: puts old data aside (a rename, SAFETY 20) and
    /// joins; what was put aside is deleted when that has made this member a voter. No seat: stops etcd, and keeps its
    /// data. Does nothing when the seat is that of the last call. `lineage`: of the store, for who joins. Errors: those
    /// of bring_up().
    boost::asio::awaitable<Result<OwnSeat>> settle(const std::vector<gateway::Voter>& list, std::uint64_t lineage = 0);

    /// Whether etcd has been started on this member before, in whatever way.
    [[nodiscard]] Result<bool> has_begun() const;

    /// What this member's log says of itself, also while etcd writes on it; voter_id 0: there is none. Blocks for the
    /// disk. Errors: kSystemFailed, kEngineFailed (damaged, or another cluster's).
    [[nodiscard]] Result<LogReport> log_report() const;

    /// How many forced recoveries this member's data has behind it. Errors as of log_report().
    [[nodiscard]] Result<std::uint64_t> lineage() const;

    /// Stops etcd, commits its log (commit_wal), counts one more lineage, and starts it once as the only voter. When it
    /// serves, bring_up() makes it an ordinary one.
    boost::asio::awaitable<Result<void>> start_forced();

    /// What etcdutl is to make of a copy of the state: data of this member as the only voter of a cluster that no etcd
    /// of before takes for its own. What an earlier attempt left is deleted.
    struct RestoredData {
        std::filesystem::path directory;
        std::string name;
        std::string peer_url;
        std::string voters;
        std::string token;
    };
    [[nodiscard]] Result<RestoredData> restored_data() const;
    /// Stops etcd, puts its data aside, counts one more lineage, and starts with the restored data.
    boost::asio::awaitable<Result<void>> start_restored();

    /// For an orderly leave.
    boost::asio::awaitable<Result<void>> take_down();

    /// The working directory with a link to each other member's etcd, as system.toml has them now: called again when
    /// members have come. Error: kSystemFailed.
    [[nodiscard]] Result<void> prepare_directories() const;

  private:
    Result<std::optional<EngineMarker>> own_marker() const;
    [[nodiscard]] bool has_former_name() const;
    Result<std::optional<std::uint64_t>> voter_id_of_data() const;
    Result<bool> has_data() const;
    Result<void> put_data_aside() const;
    void drop_data_put_aside() const;
    [[nodiscard]] std::filesystem::path restored_directory() const;
    boost::asio::awaitable<Result<void>> run_as(EngineMarker marker, Forced forced = Forced::kNo);
    boost::asio::awaitable<Result<OwnSeat>> settle_anew(const std::vector<gateway::Voter>& list,
                                                        const gateway::Voter* seat, std::uint64_t lineage);
    boost::asio::awaitable<Result<OwnSeat>> join(const std::vector<gateway::Voter>& list, std::uint64_t lineage);

    const SystemConfig& config_;
    MemberName own_;
    UnitControl& units_;
    EtcdPlaces places_;
    /// What settle() has brought about, and with which seat.
    struct Settled {
        std::uint64_t id = 0;
        bool is_learner = false;
        bool never_ran = false;
        std::string others;  ///< Of a learner: whom it joins, which etcd checks.
        OwnSeat seat = OwnSeat::kNone;
        std::chrono::steady_clock::time_point at{};
    };
    std::optional<Settled> settled_;
};

}  // namespace ssi::cluster
