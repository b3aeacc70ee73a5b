#pragma once
/// ssid's side of the local guard: rights are given and taken here, and the ends of QEMUs are heard
/// (docs/architecture.md, "The guard's socket"). Implemented over the guard's socket (guard_client) and, in tests/sim,
/// over the guard's own table.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lib/common/clock.hpp"
#include "lib/common/error.hpp"
#include "lib/common/names.hpp"
#include "lib/common/pdr/records.hpp"
#include "lib/common/pdr/verdict.hpp"

namespace ssi::cluster {

enum class RightKind { kStart, kIncoming };

/// Granted: no QEMU yet. Registered: QEMU exists. Acquired: it may run. Released: paused. HandedOver: released for
/// good. Lost: its QEMU was killed because this member's lease ran out; kept until it is revoked, so that ssid knows
/// that the guest did not end by itself.
enum class RightState { kGranted, kRegistered, kAcquired, kReleased, kHandedOver, kLost };

struct Right {
    GuestName guest;
    GuestUuid uuid;
    RunId run;
    RightKind kind{};
    RightState state{};
};

struct GuardEvent {
    enum class Kind { kRegistered, kAcquired, kReleased, kEnded, kExpired } kind{};
    GuestName guest;
    RunId run;
};

enum class CancelOutcome { kCancelled, kAcquired };

/// A member's slot on the PDR: its counter, and what it promises about itself (SAFETY 10).
struct SlotSign {
    MemberName member;
    Incarnation incarnation{};
    std::uint64_t counter = 0;
    std::chrono::milliseconds lease{0};  ///< T_lease; 0: it holds none.
    std::chrono::milliseconds watchdog{0};
    pdr::WatchdogKind watchdog_kind = pdr::WatchdogKind::kNone;
    bool armed = false;
    bool lone = false;
    bool serves_witness = false;

    /// T_dead: a slot that has stood still for so long is a dead member's (SAFETY 13 b). None: time proves nothing,
    /// for want of a lease or of an armed watchdog whose clock goes on when the machine's stops, or because it is alone
    /// and needs no lease (SAFETY 3).
    [[nodiscard]] std::optional<std::chrono::milliseconds> dead_after() const;
    /// A member that runs has ended its guests when its signs have stood still for so long (SAFETY 7). Of one that does
    /// not run, and may go on at any moment, it says nothing. None: it holds no lease.
    [[nodiscard]] std::optional<std::chrono::milliseconds> lease_over_after() const;
};

/// What a member has recorded about another without a majority (SAFETY 15).
struct RecordedVerdict {
    MemberSlot by;
    pdr::Verdict verdict;
};

/// One pass of the guard over the PDR.
struct PdrPass {
    bool fresh = false;  ///< It read all slots, our own with its latest counter: not from a cache (SAFETY 5).
    std::vector<SlotSign> slots;
    std::string fault;  ///< Why it is not fresh, or what else is wrong; empty: nothing.
    /// When the write of ours that came back in this pass was begun: the lease counts from then.
    std::optional<BootTime> renewed = {};
    std::vector<RecordedVerdict> verdicts = {};
    bool names_us = false;  ///< One of them is about this boot of this member (SAFETY 6). For the guard itself.
    /// Of the label of the volume that was read: it is another one when that was formatted anew. 0: none was read.
    std::uint64_t volume = 0;
    /// When the reading of the slots was begun: whoever hears of it late has seen nothing since. None: not known.
    std::optional<BootTime> read = {};
};

/// What ssid lets the guard write into this member's slot.
struct SlotFacts {
    Incarnation incarnation{};
    bool engine_ok = false;
    std::optional<bool> alone = {};  ///< SAFETY 3; none: not known.
    friend bool operator==(const SlotFacts&, const SlotFacts&) = default;
};

/// All calls are answered within a second or fail with kGuardUnreachable; then nothing is known of their effect but
/// what `rights()` says later. Used on the daemon's one io_context.
class GuardLink {
  public:
    virtual ~GuardLink() = default;
    virtual boost::asio::awaitable<Result<std::vector<Right>>> rights() = 0;
    virtual boost::asio::awaitable<Result<void>> grant(GuestName guest, GuestUuid uuid, RunId run, RightKind kind,
                                                       std::chrono::milliseconds lifetime) = 0;
    virtual boost::asio::awaitable<Result<void>> hand_over(GuestName guest, RunId run) = 0;
    virtual boost::asio::awaitable<Result<void>> keep(GuestName guest, RunId run) = 0;
    virtual boost::asio::awaitable<Result<CancelOutcome>> cancel(GuestName guest, RunId run) = 0;
    virtual boost::asio::awaitable<Result<void>> revoke(GuestName guest, RunId run, bool kill) = 0;
    virtual boost::asio::awaitable<Result<void>> expel() = 0;
    /// Our sign of life in the engine was committed; `begun`: when it was submitted (SAFETY 5). Renews the lease.
    virtual boost::asio::awaitable<Result<void>> renew(BootTime begun) = 0;
    /// From the next beat on; forgotten when the connection to the guard ends.
    virtual boost::asio::awaitable<Result<void>> describe(SlotFacts facts) = 0;

    /// Called for each event, in order, never from inside one of the calls above.
    std::function<void(GuardEvent)> on_event;
    /// Called after each pass over the PDR, if the cluster has one.
    std::function<void(const PdrPass&)> on_pdr_pass;
    /// Called when the connection to the guard was made (again): events may have been missed, read `rights()`.
    std::function<void()> on_connected;
};

/// What libvirt's hook asks (docs/architecture.md, "The hook's socket").
struct HookRequest {
    GuestName guest;
    std::string operation;     ///< prepare, start, started, stopped, release, migrate, restore, reconnect, attach
    std::string suboperation;  ///< begin, end, -
    std::string xml;
};

/// Decides one hook call; an Error refuses it with its text.
using HookHandler = std::function<boost::asio::awaitable<Result<void>>(HookRequest)>;

}  // namespace ssi::cluster
