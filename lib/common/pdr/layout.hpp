#pragma once
/// Where everything lies on a PDR volume (docs/pdr.md). Fixed for ever: a later version may only use what is free here.

#include <cstddef>
#include <cstdint>

#include "lib/common/names.hpp"

namespace ssi::pdr {

inline constexpr std::size_t kBlockSize = 4096;
inline constexpr int kSlots = 32;

/// The label and a copy of it; the rest of the first MiB stays free.
inline constexpr std::uint64_t kLabelAt = 0;
inline constexpr std::uint64_t kLabelCopyAt = 64 * 1024;

/// One block of each kind for each slot, kinds together: a reader of all slots reads one piece.
inline constexpr std::uint64_t kBlocksAt = 1 << 20;
inline constexpr std::uint64_t kBlocksOfKind = kSlots * kBlockSize;

inline constexpr std::uint64_t kWitnessAt = 4 << 20;
/// Without witness areas.
inline constexpr std::uint64_t kLeastVolume = kWitnessAt;
inline constexpr std::uint64_t kWitnessArea = std::uint64_t{512} << 20;

/// What a block is. The values are on the disk.
enum class BlockKind : std::uint16_t {
    kLabel = 1,    ///< Whose volume this is. Written by `ssictl pdr format` alone.
    kSlot = 2,     ///< A member's sign of life, written by its guard.
    kVerdict = 3,  ///< What a member has found about others without a majority (SAFETY 15), written by its ssid.
    kLock = 4,     ///< A member's part of the Disk Paxos of the PDR lock (SAFETY 16), written by its ssid.
};

/// Offset of the one block of this kind whose only writer is the member of this slot. Not for kLabel.
[[nodiscard]] constexpr std::uint64_t block_at(BlockKind kind, MemberSlot slot) {
    const auto kinds_before = static_cast<std::uint64_t>(kind) - static_cast<std::uint64_t>(BlockKind::kSlot);
    return kBlocksAt + kinds_before * kBlocksOfKind + static_cast<std::uint64_t>(slot.number() - 1) * kBlockSize;
}

/// The lock blocks come twice, written in turn: a write that was cut off leaves the one before it readable. The second
/// ones follow the first.
inline constexpr std::uint64_t kLocksAt = kBlocksAt + 2 * kBlocksOfKind;
inline constexpr std::size_t kLockBlocks = std::size_t{2} * kSlots;
/// Offset of the lock block that the write of this sequence goes to.
[[nodiscard]] constexpr std::uint64_t lock_at(MemberSlot slot, std::uint64_t sequence) {
    return block_at(BlockKind::kLock, slot) + sequence % 2 * kBlocksOfKind;
}

/// Offset of the area in which the member of this slot keeps the witness's data.
[[nodiscard]] constexpr std::uint64_t witness_at(MemberSlot slot) {
    return kWitnessAt + static_cast<std::uint64_t>(slot.number() - 1) * kWitnessArea;
}

}  // namespace ssi::pdr
