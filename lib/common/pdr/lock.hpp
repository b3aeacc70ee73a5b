#pragma once
/// The PDR lock (SAFETY 16): who may run the witness, and who fences whom, agreed on by members that reach nothing but
/// the volume. Changes by generations, each decided once, the same for all.

#include <chrono>
#include <functional>
#include <optional>

#include "lib/common/pdr/lock_round.hpp"

namespace ssi::pdr {

struct LockState {
    LockRecord latest;               ///< The last decision that is known.
    std::optional<LockRecord> open;  ///< Proposed as the next one, by somebody: may be decided already.
};
[[nodiscard]] LockState lock_state(const LockBlocks& blocks);

/// Calls block, as those of Disk. One thread at a time; and one process of this member: it must keep others out.
class PdrLock {
  public:
    /// What is to come after `current`; its generation is set here. None: nothing. An error ends the decision with it.
    using Next = std::function<Result<std::optional<LockRecord>>(const LockRecord& current)>;
    /// Waits a while of random length, longer with each attempt (from 1 on); false: it takes too long, give up.
    using Pause = std::function<bool(int attempt)>;

    /// `disk` must outlive it.
    PdrLock(Disk& disk, const ClusterId& cluster, MemberSlot own) : disk_(disk), cluster_(cluster), own_(own) {}

    /// Errors: as read_locks.
    [[nodiscard]] Result<LockState> read();

    /// Has decided what `next` wants, and returns the lock's latest state: what `next` wanted, or the one for which it
    /// wanted nothing. `next` is asked again whenever another decision came first. Errors: those of `next`; of reading
    /// and writing; kPdrForeign: another machine writes as this member; kConflict: given up. But for an error of
    /// `next`, what was wanted may be decided all the same, now or by others later: read, or decide again.
    [[nodiscard]] Result<LockRecord> decide(const Next& next, const Pause& pause);

  private:
    [[nodiscard]] Result<LockRound::Step> attempt(LockRound& round, std::uint64_t sequence);

    Disk& disk_;
    ClusterId cluster_;
    MemberSlot own_;
};

/// A pause for PdrLock::decide: 5 to 50 ms, times the attempt; gives up after `patience` in all.
[[nodiscard]] PdrLock::Pause patient_for(std::chrono::milliseconds patience);

}  // namespace ssi::pdr
