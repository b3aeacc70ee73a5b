#pragma once
/// Whose guests may go on elsewhere when no more than certain volumes were taken from a member (SAFETY 13 c).

#include <filesystem>
#include <span>

#include "daemons/ssid/state/cluster_state.hpp"

namespace ssi::cluster {

/// All guests that are, or may be, on this life of a member, also those on their way to it or from it, write to these
/// volumes alone, as they were defined at their starts. The Error (kFenceFailed) names one that does not. What was
/// attached to a guest while it ran is not seen: that is the administrator's word (`all_disks`).
[[nodiscard]] Result<void> guests_write_only_to(const ClusterState& state, const MemberLife& life,
                                                std::span<const std::filesystem::path> volumes);

}  // namespace ssi::cluster
