#pragma once
/// Keeps this member's key registered at the volumes that the [[fence]] with method "reservations" names.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "daemons/ssid/fencing/reservation_fence.hpp"
#include "daemons/ssid/membership/cluster_view.hpp"
#include "lib/common/notifier.hpp"

namespace ssi::cluster {

/// A key that was taken away comes back only when the cluster says so: each time that it registers, it first commits
/// that it will (registration_rules), which is refused when this life is over or being fenced; so a host that was
/// preempted and thaws, or has no majority, registers nothing. Used on one io_context.
class ReservationKeeper {
  public:
    ReservationKeeper(const SystemConfig& config, const FenceConfig& fence, const MemberName& own, ClusterView& view,
                      std::shared_ptr<scsi::Paths> paths, Clock& clock, const boost::asio::any_io_executor& executor);

    /// Looks after the keys, for ever: registers again when they vanished, and at paths that have come.
    boost::asio::awaitable<void> run();
    /// Between admission and Joined, so that the first guest finds a host that may write. Waits for `patience` at most:
    /// a device that hangs keeps nobody out.
    boost::asio::awaitable<void> enroll(MemberLife life, std::chrono::milliseconds patience);
    /// One round of `run`.
    boost::asio::awaitable<Result<void>> look_after();

    /// Set by the wiring. This member's life, if it has one.
    std::function<std::optional<MemberLife>()> life_now = [] { return std::nullopt; };
    /// This boot has had no life yet, and nothing of an earlier one is left: then the PDR may be written to.
    std::function<boost::asio::awaitable<bool>()> boots_anew = []() -> boost::asio::awaitable<bool> {
        co_return false;
    };

  private:
    using Enrolments = std::map<std::filesystem::path, Enrolment>;
    boost::asio::awaitable<Result<void>> attempt(MemberLife life, std::chrono::milliseconds patience);
    boost::asio::awaitable<Result<void>> keep(MemberLife life);
    boost::asio::awaitable<Result<bool>> is_well(MemberLife life);
    boost::asio::awaitable<Result<void>> register_to_write();
    [[nodiscard]] scsi::ReservationKey key(Incarnation incarnation) const { return scheme_.key(slot_, incarnation); }
    [[nodiscard]] std::chrono::milliseconds patience() const;
    void tell(const Result<void>& result);
    void tell(const Enrolments& enrolments);

    std::vector<std::filesystem::path> volumes_;
    std::chrono::milliseconds timeout_;
    MemberSlot slot_;
    scsi::KeyScheme scheme_;
    ClusterView& view_;
    std::shared_ptr<scsi::Paths> paths_;
    Clock& clock_;
    BlockingCalls calls_;
    std::optional<MemberLife> enrolled_;  ///< By this ssid.
    Enrolments enrolments_;               ///< What was registered then.
    bool is_busy_ = false;
    Notifier freed_;  ///< It is not busy any more.
    bool has_waited_ = false;
    std::string told_;
};

}  // namespace ssi::cluster
