#pragma once
/// Runs the witness on this member when it should run here, and finds it where it runs (witness_plan decides).

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "daemons/ssid/engine/unit_control.hpp"
#include "daemons/ssid/engine/witness_files.hpp"
#include "daemons/ssid/engine/witness_plan.hpp"
#include "daemons/ssid/engine/witness_volume.hpp"
#include "lib/common/blocking_calls.hpp"
#include "lib/common/clock.hpp"
#include "lib/common/notifier.hpp"

namespace ssi::cluster {

/// One io_context. The functions below are set before run().
class WitnessKeeper {
  public:
    WitnessKeeper(const SystemConfig& config, MemberName own, UnitControl& units, Clock& clock,
                  boost::asio::any_io_executor executor, WitnessPlaces places = {});

    /// For ever; at once at an end where the cluster has no PDR.
    boost::asio::awaitable<void> run();
    /// Waits until this member does not hold the lock: after an orderly leave. Error: kTimedOut.
    boost::asio::awaitable<Result<void>> until_free();

    /// What a majority knows. `lock`: who holds the witness.
    struct ClusterFacts {
        std::optional<MemberName> home;  ///< Who should run it.
        bool holder_is_gone = false;     ///< Exactly this life of the holder was declared Down, and no later one began.
        WitnessSeat seat = WitnessSeat::kUnknown;
        bool should_move = false;  ///< With this member as its holder.
    };
    /// `areas`: the members of the slots up to it have one. None: no majority, as far as is known here.
    std::function<std::optional<ClusterFacts>(const pdr::LockRecord& lock, int areas)> cluster;
    /// What this member sees of the holder by itself; `is_off`, and since when the run is known, is left to the keeper.
    std::function<HolderSigns(const MemberName& holder)> signs;
    /// What operators said last, as far as is known here: fencing is disarmed, or the member in maintenance.
    std::function<Result<void>(const MemberName& target)> may_fence;
    /// Has a member switched off by the fence agents, while it is silent.
    std::function<boost::asio::awaitable<Result<void>>(const MemberName&)> cut_power;
    /// This member has recorded that the lock's holder is off, and nothing of it has moved since.
    std::function<bool(const pdr::LockRecord& lock)> is_recorded_off;
    /// Records on the PDR that an agent has done so.
    std::function<boost::asio::awaitable<Result<void>>(const MemberName&)> record_off;
    /// With whom a witness begins that has never run.
    std::function<boost::asio::awaitable<Result<EtcdStart>>()> joining;
    /// The witness's process here answers as a voter that knows a leader.
    std::function<boost::asio::awaitable<bool>()> serves;
    /// This member's incarnation; 0: not Joined.
    std::function<Incarnation()> life;
    std::function<bool()> has_left;

    /// The lock as it was read last; none: not yet, or not now.
    [[nodiscard]] const std::optional<pdr::LockRecord>& lock() const { return lock_; }
    /// None: the cluster has no PDR, or one member.
    [[nodiscard]] const std::shared_ptr<WitnessVolume>& volume() const { return volume_; }
    /// Two members at least have a witness area, and system.toml wants it: this cluster has a witness.
    [[nodiscard]] bool has_areas() const;

  private:
    boost::asio::awaitable<Result<void>> look();
    boost::asio::awaitable<Result<WitnessSituation>> situation();
    boost::asio::awaitable<Result<void>> close_area();
    [[nodiscard]] bool is_ours() const;
    [[nodiscard]] bool is_left_open(const pdr::FencingIntent& intent) const;
    void note_run();
    [[nodiscard]] HolderSigns signs_of_run() const;
    [[nodiscard]] bool is_unfit(bool has_majority, bool holds, bool is_served);
    boost::asio::awaitable<Result<void>> act(WitnessStep step);
    boost::asio::awaitable<Result<void>> fence();
    boost::asio::awaitable<Result<void>> claim();
    boost::asio::awaitable<Result<void>> fetch();
    boost::asio::awaitable<Result<void>> start(bool begin);
    boost::asio::awaitable<Result<void>> release();
    boost::asio::awaitable<Result<void>> change_lock(pdr::LockRecord next);
    [[nodiscard]] pdr::LockParty party() const;
    [[nodiscard]] std::chrono::milliseconds pause_after(bool well) const;
    void report(const Result<void>& done);

    const SystemConfig& config_;
    MemberName own_;
    MemberSlot slot_;
    UnitControl& units_;
    Clock& clock_;
    WitnessPlaces places_;
    BlockingCalls calls_;
    std::shared_ptr<WitnessVolume> volume_;  ///< None: the cluster has no PDR.
    std::optional<pdr::LockRecord> lock_;
    std::optional<int> areas_;  ///< None: not known yet.
    /// The run of the witness that the lock tells of, and since when this member knows of it.
    struct Run {
        std::optional<pdr::LockParty> holder;
        std::uint64_t number = 0;
        BootTime since;
    };
    std::optional<Run> run_;
    BootTime born_;
    std::optional<BootTime> unfit_since_;
    std::optional<BootTime> gave_up_;  ///< SAFETY 10. Not for ever: it may be what a majority lacks.
    struct Failure {
        BootTime at;
        Error why;
    };
    std::optional<Failure> failed_;        ///< To start it, the last time.
    std::optional<std::uint64_t> fenced_;  ///< Generation of the intent whose target is off.
    Notifier looked_;
    std::string trouble_;
};

}  // namespace ssi::cluster
