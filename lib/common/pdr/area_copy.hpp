#pragma once
/// The witness's data go with the witness: a taker copies the old holder's area into its own (SAFETY 17).

#include <functional>

#include "lib/common/pdr/disk.hpp"
#include "lib/common/pdr/layout.hpp"

namespace ssi::pdr {

/// How many slots, from 1 on, have a witness area on a disk of this size.
[[nodiscard]] int witness_areas_on(std::uint64_t disk_size);

/// Makes the area of slot `to` the same as that of slot `from` was at one moment; returns when it is on the disk. The
/// source is only read; while it still changes, by writes that its holder's disk path had under way, it begins again.
/// Blocks for as long as the disk takes; several threads work on it. `is_void` is asked between pieces, from these
/// threads: true ends it with kTimedOut. Errors: kPdrUnreadable (also: one of the areas does not fit on the disk),
/// kPdrUnwritable; then the target holds no complete copy.
[[nodiscard]] Result<void> copy_area(Disk& disk, MemberSlot from, MemberSlot to, const std::function<bool()>& is_void);
/// The same into the beginning of another disk: a file, to look into what an area holds.
[[nodiscard]] Result<void> save_area(Disk& disk, MemberSlot from, Disk& target, const std::function<bool()>& is_void);

}  // namespace ssi::pdr
