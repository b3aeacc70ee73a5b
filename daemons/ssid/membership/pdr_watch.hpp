#pragma once
/// What the slots on the PDR tell of the other members: who moves, judged by this member alone (SAFETY 5).

#include <chrono>
#include <map>
#include <optional>
#include <string_view>

#include "daemons/ssid/gate/guard_link.hpp"
#include "daemons/ssid/state/records.hpp"
#include "lib/common/clock.hpp"

namespace ssi::cluster {

/// Pure but for the time that is passed in. A pass over the PDR counts only when it was fresh, so that a disk that
/// cannot be read, or answers from a cache, proves nothing against anybody.
class PdrWatch {
  public:
    PdrWatch(std::chrono::milliseconds silence, std::chrono::milliseconds beat) : silence_(silence), beat_(beat) {}

    /// After each pass of the guard.
    void look(const PdrPass& pass, BootTime now);

    /// It did not move in fresh passes for all of `time`, to which the last one belongs. A member that never wrote
    /// stands still.
    [[nodiscard]] bool stands_still(const MemberName& member, BootTime now, std::chrono::milliseconds time) const;
    /// Proof by time (SAFETY 13 b): the slot of this very life stood still, in fresh passes, for all of the T_dead that
    /// it gives itself, and says that an armed hardware watchdog guards it. The Error says what is missing.
    [[nodiscard]] Result<void> is_dead_by_time(const MemberLife& life, BootTime now) const;
    /// The lease of this very life is over, if it runs at all: its slot stood still for all of the time that this
    /// takes, in fresh passes (SAFETY 13 c). The Error says what is missing.
    [[nodiscard]] Result<void> is_lease_over(const MemberLife& life, BootTime now) const;
    /// That time, as the member's slot gives it; none if it holds no lease.
    [[nodiscard]] std::optional<std::chrono::milliseconds> lease_over_after(const MemberName& member) const;
    /// T_dead as the member's slot gives it; none if time proves nothing of it.
    [[nodiscard]] std::optional<std::chrono::milliseconds> dead_after(const MemberName& member) const;
    /// What the member's slot said last.
    [[nodiscard]] const SlotSign* slot(const MemberName& member) const;
    /// It moved within the last `silence`.
    [[nodiscard]] bool moves(const MemberName& member, BootTime now) const;
    /// Since its slot was last seen to move; none if it never was.
    [[nodiscard]] std::optional<std::chrono::milliseconds> age(const MemberName& member, BootTime now) const;
    /// The last pass, and when it came; none before the first.
    [[nodiscard]] const std::optional<PdrPass>& last() const { return last_; }
    /// A fresh pass was read within the last `silence`.
    [[nodiscard]] bool is_readable(BootTime now) const;

  private:
    struct Sign {
        std::uint64_t counter = 0;
        BootTime since{};
        int fresh_passes = 0;  ///< Since then.
        bool seen_moving = false;
    };
    [[nodiscard]] Result<void> has_stood_still(const MemberLife& life,
                                               std::optional<std::chrono::milliseconds> (SlotSign::*time)() const,
                                               std::string_view lacks, BootTime now) const;
    [[nodiscard]] bool still_for(const Sign& sign, std::chrono::milliseconds time, BootTime now) const;

    std::chrono::milliseconds silence_;
    std::chrono::milliseconds beat_;
    std::map<MemberName, Sign> signs_;
    std::map<MemberName, SlotSign> slots_;
    Sign passes_;  ///< The sign of a member that never wrote: since the first fresh pass.
    std::optional<PdrPass> last_;
    std::optional<BootTime> last_fresh_;
    std::uint64_t volume_ = 0;  ///< That all this was seen on.
};

}  // namespace ssi::cluster
