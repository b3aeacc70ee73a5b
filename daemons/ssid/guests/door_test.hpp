#pragma once
/// Whether libvirt on this member asks our two doors (DESIGN.md section 7), tried out after each start of libvirt: a
/// guest that nobody may start is started. The hook has to hear of it, and ssi-guard, at the lock door, to refuse it.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <string>

#include "daemons/ssid/gate/guard_link.hpp"
#include "daemons/ssid/membership/membership.hpp"

namespace ssi::cluster {

/// What one trial says. `start`: of the guest that has no right.
/// None: nothing can be told, as when libvirt or ssi-guard does not answer. Empty: both doors were asked. Else what is
/// wrong, for people.
[[nodiscard]] std::optional<std::string> judge_doors(bool hook_was_called, const Result<void>& start);

/// Used on one io_context.
class DoorTest {
  public:
    /// Starts the guest `gate::kDoorTestGuest` with this UUID, stopped before its first instruction, and ends it again
    /// if that succeeds. Returns what libvirt says.
    using TryStart = std::function<boost::asio::awaitable<Result<void>>(GuestUuid)>;

    DoorTest(Membership& membership, ClusterView& view, Clock& clock, TryStart try_start,
             const boost::asio::any_io_executor& executor);

    /// Set by the wiring: restarts libvirt, when a trial has hung in it.
    std::function<boost::asio::awaitable<Result<void>>()> restart_libvirt =
        []() -> boost::asio::awaitable<Result<void>> { co_return Result<void>{}; };

    /// Tries the doors after each start of libvirt and tells the cluster what it found, for ever.
    boost::asio::awaitable<void> run();
    /// libvirt was started, or may have been.
    void libvirt_has_started();
    void libvirt_has_gone() { is_there_ = false; }
    /// The libvirt that is there was seen to ask both.
    [[nodiscard]] bool are_asked() const { return is_there_ && tested_ == starts_ && found_.empty(); }
    /// The cluster's state has changed.
    void poke() { poked_.notify(); }

    /// The hook was called for a guest of that name: allowed in the trial that is under way. Any other is refused.
    Result<void> hook(const HookRequest& request);

  private:
    boost::asio::awaitable<void> test();
    boost::asio::awaitable<void> tell();

    Membership& membership_;
    ClusterView& view_;
    Clock& clock_;
    TryStart try_start_;
    Notifier poked_;
    bool is_there_ = false;           ///< libvirt.
    std::uint64_t starts_ = 0;        ///< Of libvirt, as far as heard.
    std::uint64_t tested_ = 0;        ///< The last one of them that a trial has told about.
    std::optional<BootTime> tried_;   ///< When the last trial was.
    std::optional<GuestUuid> trial_;  ///< Under way.
    bool hook_was_called_ = false;    ///< In it.
    std::string found_;               ///< What is wrong; also that it is not known.
    std::string said_;                ///< Why nothing could be told, logged once.
};

}  // namespace ssi::cluster
