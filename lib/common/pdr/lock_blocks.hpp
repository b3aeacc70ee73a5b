#pragma once
/// The lock blocks of all slots on the volume. Each slot has two, written in turn, the newer of which counts: a write
/// that was cut off by its writer's death hides nothing, and no dead member's torn block stands in a living one's way.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lib/common/pdr/disk.hpp"
#include "lib/common/pdr/lock_record.hpp"

namespace ssi::pdr {

/// [0] is slot 1; one that never wrote is as LockBlock{}.
using LockBlocks = std::array<LockBlock, kSlots>;

struct LockReading {
    LockBlocks blocks;
    std::array<std::uint64_t, kSlots> sequences{};  ///< Of the last whole write.
    std::vector<Error> torn;                        ///< Writes that were cut off.
};

/// Pure: turns passes over the volume into a reading.
class LockScan {
  public:
    explicit LockScan(const ClusterId& cluster, std::string volume) : cluster_(cluster), volume_(std::move(volume)) {}

    /// `pass`: all lock blocks in the order of the volume, read after the pass before. None: a block was torn, perhaps
    /// because it is being written, and then its older twin may be older than a write that has ended; pass again. Each
    /// slot's part of the reading is its last write that had ended when this pass began, or a later one. Error:
    /// kPdrDamaged, kPdrForeign: the reading would leave something out.
    [[nodiscard]] Result<std::optional<LockReading>> look(std::span<const Block, kLockBlocks> pass);

  private:
    struct Copy;
    [[nodiscard]] Result<Copy> copy_in(const Block& block, int slot, std::size_t copy) const;

    ClusterId cluster_;
    std::string volume_;
    std::vector<Block> before_;
};

/// Errors: kPdrUnreadable; kPdrDamaged, kPdrForeign as LockScan.
[[nodiscard]] Result<LockReading> read_locks(Disk& disk, const ClusterId& cluster);

/// `sequence`: one more than was read of this slot. Error: kPdrUnwritable; then the write may have happened.
[[nodiscard]] Result<void> write_lock(Disk& disk, const ClusterId& cluster, MemberSlot slot, std::uint64_t sequence,
                                      const LockBlock& block);

}  // namespace ssi::pdr
