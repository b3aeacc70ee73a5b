#pragma once
/// The cluster's mode and its members' states as one member sees them (docs/modes.md). Pure.

#include <set>
#include <string>
#include <string_view>

#include "daemons/ssid/state/cluster_state.hpp"

namespace ssi::cluster {

/// Stable: every member is Joined, or Down or Isolated for a known reason. Influx: a member joins, leaves or is being
/// fenced, or guests wait for a new member; it ends by itself. Safe: of some member it is not known what it does.
enum class ClusterMode { kStable, kInflux, kSafe };
[[nodiscard]] std::string_view text_of(ClusterMode mode);

/// What the member that looks knows by itself.
struct Sight {
    MemberName own;
    bool has_majority = false;
    std::set<MemberName> unheard;       ///< Their signs in the engine stand still (PeerWatch::unheard).
    std::set<MemberName> slots_moving;  ///< Their slots on the PDR move.
};

/// Nothing was read from the cluster yet, and nobody knows of a member what was committed about it.
[[nodiscard]] bool is_unread(const ClusterState& state, const Sight& sight);
/// Why the member's committed state is so, for people.
[[nodiscard]] std::string committed_reason(const ClusterState& state, const MemberName& member, const Sight& sight);

/// The committed state, but for members that count as up: Suspended, when nobody of the majority hears it and its slot
/// moves, or when it is we who have no majority; Unknown, when neither sign of it is seen.
[[nodiscard]] MemberState state_seen(const ClusterState& state, const MemberName& member, const Sight& sight);

[[nodiscard]] ClusterMode mode_seen(const ClusterState& state, const Sight& sight);

}  // namespace ssi::cluster
