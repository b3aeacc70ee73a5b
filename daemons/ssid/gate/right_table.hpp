#pragma once
/// Who may run on this member: the rights that ssid granted and what became of them. The pure core of ssi-guard: no
/// I/O, no clock, no threads; the same class decides in ssi-guard and in tests/sim.
///
/// A right is for one run of one guest and lets in one QEMU. At most one right exists per guest, so there is never a
/// second QEMU of a guest on this member (R1):
///
///     granted --REGISTER--> registered --first one-shot REGISTER--> acquired <--ACQUIRE / last RELEASE--> released
///        |                      |                                       |  hand_over, then RELEASE            |
///     expires, cancel        cancel: killed                             +-----------> handed-over --keep------+
///
/// and ends when its QEMU is gone; when that was killed because the lease ran out, it stays as lost until it is
/// revoked.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daemons/ssid/gate/right_names.hpp"
#include "lib/common/clock.hpp"
#include "lib/common/json_message.hpp"

namespace ssi::gate {

/// A process, told from a later one of the same pid by its start (clock ticks since boot, /proc/PID/stat).
struct ProcessId {
    std::int64_t pid = 0;
    std::uint64_t start_time = 0;
    friend bool operator==(const ProcessId&, const ProcessId&) = default;
};

/// The QEMU that a REGISTER speaks of, as libvirt names it. The name is only used in texts.
struct QemuOwner {
    GuestUuid uuid;
    std::string name;
    std::int64_t pid = 0;
    bool awaits_migration = false;  ///< Its command line says "-incoming". Needed of one-shot calls only.
};

/// One right with what the door must remember of it.
struct GuestRight {
    Right right;
    BootTime void_after{};          ///< Granted only: not valid from then on (SAFETY 8).
    std::optional<ProcessId> qemu;  ///< From REGISTER on.
    bool leaving = false;           ///< Between hand_over and keep.
    bool was_acquired = false;      ///< This run has executed, or may have.
    bool announces = false;         ///< It has disks or leases: libvirt will send an ACQUIRE when it resumes.
    bool doomed = false;            ///< To be killed: nothing is allowed any more.
    bool outlived = false;          ///< Doomed by the end of the lease: when its QEMU is gone, it is lost.
    std::set<std::string> held;     ///< Resources acquired and not released.
};

class RightTable {
  public:
    /// What a cancel or revoke found. `kill` names the QEMU that the caller kills at once, before it lets go of the
    /// table; the right is gone when `ended` was called for the run.
    struct Cancellation {
        CancelOutcome outcome{};
        std::optional<ProcessId> kill;
    };

    // From ssid. Refused with kNoRight when the run is not known, unless said otherwise.

    /// Lets one QEMU of this guest in until now + lifetime. Repeated for the same run: no further effect. Replaces a
    /// right of the guest that no QEMU has used (which expires); refused with kGuestBusy while a QEMU of the guest is
    /// here, with kNoRight when the run has ended or was cancelled before, with kDoorClosed after expel.
    Result<void> grant(const GuestName& guest, const GuestUuid& uuid, const RunId& run, RightKind kind,
                       std::chrono::milliseconds lifetime, BootTime now);
    /// From now on the first RELEASE ends the right (SAFETY 22). Refused with kGuestNotRunning when the guest is
    /// paused: it would arrive paused, and no ACQUIRE would ever say that it is there. Repeated: no further effect.
    Result<void> hand_over(const GuestName& guest, const RunId& run);
    /// The relocation was aborted: undoes hand_over; a right handed over is released and may be acquired again.
    Result<void> keep(const GuestName& guest, const RunId& run);
    /// Cancelled: this run has not executed here and never will. A run not known counts as cancelled, and is from then
    /// on refused by grant. Acquired: it has executed here, also if it has ended since.
    Cancellation cancel(const GuestName& guest, const RunId& run);
    /// Takes the right. With a QEMU alive: killed if `kill`, else refused with kGuestBusy. A run not known: no effect.
    Result<Cancellation> revoke(const GuestName& guest, const RunId& run, bool kill);
    /// This incarnation was declared dead: no right is left, nothing is let in again. Returns the QEMUs to kill.
    std::vector<ProcessId> expel();
    /// The lease ran out (SAFETY 7): rights not used are void, the QEMUs of the others are to be killed. Their rights
    /// stay, as lost.
    void outlive();

    // From libvirt's lock door. Errors carry the text that virsh shows.

    /// REGISTER by the QEMU-to-be itself: uses up the guest's granted right. Returns the run.
    Result<RunId> register_life(const QemuOwner& owner, std::uint64_t start_time, BootTime now);
    /// REGISTER by libvirtd on behalf of a QEMU. The first one after register_life comes just before the guest's first
    /// instruction, with disks or without: from then on the right is acquired. For a guest without disks it is also all
    /// that is seen of a pause or a resume.
    Result<void> register_one_shot(const QemuOwner& owner);
    /// Idempotent.
    Result<void> acquire(const QemuOwner& owner, std::string_view resource);
    /// Idempotent, never refused: libvirt pauses the guest whatever we say.
    void release(const QemuOwner& owner, std::string_view resource);

    /// The guard was restarted: if no QEMU is left, what expel shut opens again.
    void reopen_if_empty() { open_ = open_ || !has_qemu(); }

    // From the machine.

    /// The QEMU of this run is gone. Not known: no effect.
    void ended(const RunId& run);
    /// Rights never used whose time is up go.
    void expire(BootTime now);
    [[nodiscard]] std::optional<BootTime> next_expiry() const;

    /// What happened since the last call, in order, for ssid.
    [[nodiscard]] std::vector<GuardEvent> take_events();

    [[nodiscard]] bool open() const { return open_; }
    [[nodiscard]] std::vector<GuestRight> rights() const;
    [[nodiscard]] const GuestRight* find(const RunId& run) const;
    [[nodiscard]] bool empty() const { return rights_.empty(); }
    [[nodiscard]] bool has_qemu() const;

    /// The whole table, events excepted, for the guard's restart within one boot.
    [[nodiscard]] json::Object to_json() const;
    /// Error: kProtocolViolated when anything in it is not as to_json writes it.
    [[nodiscard]] static Result<RightTable> from_json(const json::Object& object);

  private:
    struct FinishedRun {
        RunId run;
        bool was_acquired = false;
    };

    Result<GuestRight*> known(const GuestName& guest, const RunId& run);
    GuestRight* find_run(const GuestName& guest, const RunId& run);
    [[nodiscard]] const FinishedRun* find_finished(const RunId& run) const;
    Result<GuestRight*> admitted(const QemuOwner& owner);
    void mark_acquired(GuestRight& entry);
    void mark_released(GuestRight& entry);
    void finish(const GuestRight& entry);
    void tell(GuardEvent::Kind kind, const GuestRight& entry);

    std::map<GuestUuid, GuestRight> rights_;
    std::deque<FinishedRun> finished_;  ///< The latest runs that ended; bounded.
    std::vector<GuardEvent> events_;
    bool open_ = true;
};

}  // namespace ssi::gate
