#pragma once
/// One attempt at a decision of the PDR lock: Disk Paxos (Gafni and Lamport, 2003) with one disk. Pure.

#include <cstdint>
#include <variant>

#include "lib/common/pdr/lock_blocks.hpp"

namespace ssi::pdr {

/// The highest decision that any block knows; generation 0: none.
[[nodiscard]] const LockRecord& latest_decision(const LockBlocks& blocks);

/// A member's attempt. Each step says what to do: write a block and read all of them again, or it is the end.
class LockRound {
  public:
    /// Write this into the own lock block, read all lock blocks, and give them to after().
    struct Write {
        LockBlock block;
    };
    /// The end: this record is decided for its generation. Perhaps another member's, whose attempt was finished here.
    /// `block` is to be written, so that others need not find out in the same way; nothing hangs on it.
    struct Decided {
        LockRecord record;
        LockBlock block;
    };
    /// The end: that generation was decided without us, and perhaps later ones.
    struct Late {
        LockRecord latest;
    };
    /// The end: another member began an attempt of higher number meanwhile. Try again after a pause of random length.
    struct Outbid {};
    /// The end: our own block does not hold what we wrote: somebody else writes there.
    struct Overwritten {};
    using Step = std::variant<Write, Decided, Late, Outbid, Overwritten>;

    /// `wanted`: of the generation after the latest decision in `seen`, which is all lock blocks, read after our last
    /// write (or in a new life).
    LockRound(MemberSlot own, LockRecord wanted, const LockBlocks& seen);

    [[nodiscard]] Step begin() const;
    [[nodiscard]] Step after(const LockBlocks& blocks);

  private:
    [[nodiscard]] std::size_t own_index() const { return static_cast<std::size_t>(own_.number()) - 1; }
    [[nodiscard]] const LockRecord& to_propose(const LockBlocks& blocks) const;

    MemberSlot own_;
    LockRecord wanted_;
    LockBlock block_;  ///< What we wrote last, or are about to write first.
    LockRecord latest_;
};

}  // namespace ssi::pdr
