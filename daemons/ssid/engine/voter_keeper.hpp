#pragma once
/// Keeps this member's etcd in line with the cluster's list of voters, and, on the member that acts for all, that list
/// in line with who lives (voter_plan).

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemons/ssid/engine/etcd_director.hpp"
#include "daemons/ssid/engine/etcd_engine.hpp"
#include "daemons/ssid/engine/voter_plan.hpp"
#include "lib/common/clock.hpp"
#include "lib/common/notifier.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::cluster {

/// etcd's list in the words of the plan.
[[nodiscard]] std::vector<Seat> seats_of(const std::vector<gateway::Voter>& list, const SystemConfig& config);

/// The witness's name among the voters: its peer URL is "unix://witness:1", and no member may have it.
inline constexpr auto kWitnessName = "witness";
/// The member's name, or the witness's.
[[nodiscard]] std::string name_of(const Seat& seat);

class VoterKeeper {
  public:
    /// Who lives, as the member that acts for all knows it.
    struct Facts {
        std::vector<VoterCandidate> members;   ///< By slot.
        std::optional<VoterStanding> witness;  ///< None: this cluster has no witness.
    };

    /// `run`: where the sockets are.
    VoterKeeper(const SystemConfig& config, MemberName own, EtcdEngine& engine, EtcdDirector& director, Clock& clock,
                const boost::asio::any_io_executor& executor, std::filesystem::path run = "/run/ssi");

    /// start(), and then looks for ever.
    boost::asio::awaitable<void> run();
    /// Brings etcd up where it has run before, without waiting for a majority: but not when a member that can be
    /// reached has a forced recovery behind it that this one's data has not (SAFETY 19). With the others that were left
    /// behind it would make a majority of its own.
    boost::asio::awaitable<void> start();
    /// One look, and at most one step. True: there was a step, or one is expected soon; look again without waiting.
    boost::asio::awaitable<bool> look();

    /// Until resume(): looks at nothing, and lets etcd alone. Returns when nothing is under way any more.
    boost::asio::awaitable<void> pause();
    void resume();

    /// None: another member acts for all, or nobody. Asked before each step.
    std::function<std::optional<Facts>()> facts;
    /// The highest lineage of the members that can be reached now; bounded in time.
    std::function<boost::asio::awaitable<std::uint64_t>()> newest_lineage;

    /// The list when it was last read; empty before.
    [[nodiscard]] const std::vector<Seat>& seats() const { return seats_; }
    /// This member's part in it, as far as was known last.
    [[nodiscard]] OwnSeat own_seat() const { return own_seat_; }
    /// Why the last look did not do all it should; none when it did.
    [[nodiscard]] const std::optional<Error>& trouble() const { return trouble_; }

  private:
    boost::asio::awaitable<Result<std::uint64_t>> read_lineage(const std::vector<gateway::Voter>& list);
    boost::asio::awaitable<Result<void>> follow(const std::vector<gateway::Voter>& list);
    boost::asio::awaitable<Result<void>> tell_lost(std::uint64_t id);
    boost::asio::awaitable<Result<bool>> act();
    boost::asio::awaitable<Result<void>> carry_out(const VoterStep& step);
    boost::asio::awaitable<Result<std::vector<Seat>>> read_seats();
    void watch_learners();
    [[nodiscard]] std::vector<VoterCandidate> fit(std::vector<VoterCandidate> members) const;
    [[nodiscard]] bool is_ripe(const VoterStep& step) const;
    boost::asio::awaitable<void> begin();
    boost::asio::awaitable<bool> look_once();
    void report(const Result<void>& done);

    const SystemConfig& config_;
    MemberName own_;
    EtcdEngine& engine_;
    EtcdDirector& director_;
    Clock& clock_;
    std::filesystem::path run_;
    std::vector<Seat> seats_;
    OwnSeat own_seat_ = OwnSeat::kNone;
    struct Learner {
        BootTime since;  ///< When it was seen first, or seen to run first.
        bool is_started;
    };
    std::map<std::uint64_t, Learner> learners_;
    std::map<MemberName, BootTime> passed_over_;  ///< Until when it is asked for nothing: its etcd did not start.
    std::optional<Error> trouble_;
    BootTime trouble_since_{};
    bool warned_ = false;
    BootTime born_{};
    bool idle_ = false;  ///< Never begun, not to begin, and known to run no etcd.
    bool paused_ = false;
    bool looking_ = false;
    Notifier looked_;
};

}  // namespace ssi::cluster
