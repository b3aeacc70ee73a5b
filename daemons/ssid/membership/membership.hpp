#pragma once
/// This member's own membership: admission with a new incarnation after a boot, and the sign of life.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>

#include "daemons/ssid/gate/guard_link.hpp"
#include "daemons/ssid/membership/cluster_view.hpp"
#include "daemons/ssid/membership/lone_watch.hpp"
#include "daemons/ssid/membership/transition_watch.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::cluster {

/// Remembers this boot's incarnation over restarts of ssid, and forgets it with the boot (/run/ssi/incarnation).
class BootRecord {
  public:
    virtual ~BootRecord() = default;
    [[nodiscard]] virtual Result<std::optional<Incarnation>> load() = 0;
    [[nodiscard]] virtual Result<void> store(Incarnation incarnation) = 0;
    /// After an orderly leave: the next start of ssid is an admission.
    [[nodiscard]] virtual Result<void> clear() = 0;
};

class Membership {
  public:
    Membership(MemberName own, const TimingConfig& timing, ClusterView& view, GuardLink& guard, BootRecord& boot,
               Clock& clock);

    /// Admission, then beats, until this life is over.
    boost::asio::awaitable<void> run();

    [[nodiscard]] const MemberName& own() const { return own_; }
    /// Joined in this life, as far as is known; nothing is started without.
    [[nodiscard]] const std::optional<MemberLife>& life() const { return life_; }
    /// A beat of ours was committed within the time in which others would call us silent: we are with the majority.
    [[nodiscard]] bool has_majority() const;
    /// Time since our last committed beat; none before the first.
    [[nodiscard]] std::optional<std::chrono::milliseconds> beat_age() const;

    /// Orderly leave (ssictl member leave): refused while guests are here. While another member joins or leaves it
    /// waits, at most kLeavePatience. A QEMU that the cluster does not count on, as one left over of a move away, is
    /// killed.
    boost::asio::awaitable<Result<void>> leave();

    /// In order, since this ssid began.
    [[nodiscard]] bool has_left() const { return has_left_; }

    /// Called after each committed beat with the time before its submission, from which a renewal counts (SAFETY 5).
    std::function<void(BootTime begun)> on_beat;
    /// Asked before each admission; an Error leaves this member Isolated with its text, and it is asked again. Not
    /// asked when ssid alone was restarted: guests may run then.
    std::function<Result<void>(const ClusterState&)> may_join = [](const ClusterState&) { return Result<void>{}; };
    /// Called between admission and Joined: what this life needs before the first guest may come. Bounded by itself.
    std::function<boost::asio::awaitable<void>(MemberLife)> before_joined;
    /// Called in an orderly leave once this member is Down, before the answer: ends what it does for the cluster. Not
    /// earlier: the last one to leave needs the witness to say that it has left. May be empty.
    std::function<boost::asio::awaitable<Result<void>>()> after_left;

    static constexpr std::chrono::seconds kLeavePatience{15};

  private:
    boost::asio::awaitable<Result<MemberLife>> admit();
    boost::asio::awaitable<Result<MemberLife>> join();
    boost::asio::awaitable<Result<MemberLife>> rejoin(Incarnation incarnation);
    boost::asio::awaitable<Result<void>> begin_leave(const MemberLife& life);
    boost::asio::awaitable<Result<void>> beat(const MemberLife& life);
    boost::asio::awaitable<void> expel(const Error& why);
    boost::asio::awaitable<Result<void>> leave_now(const MemberLife& life);

    const MemberName own_;
    const TimingConfig timing_;
    ClusterView& view_;
    GuardLink& guard_;
    BootRecord& boot_;
    Clock& clock_;
    TransitionWatch transitions_;
    LoneWatch lone_;
    std::optional<MemberLife> life_;
    std::optional<BootTime> last_beat_;
    std::uint64_t beats_ = 0;
    bool leaving_ = false;  ///< leave() is under way. The sign of life goes on: it may be refused.
    bool has_left_ = false;
};

}  // namespace ssi::cluster
