#pragma once
/// What a member's state rests on, as one member sees it: ssictl query ssi --why. Pure.

#include <chrono>
#include <optional>
#include <string>

#include "daemons/ssid/gate/guard_link.hpp"
#include "daemons/ssid/state/cluster_mode.hpp"
#include "lib/common/json_message.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::cluster {

/// What the member that answers has seen by itself.
struct Evidence {
    Sight sight;
    std::optional<std::chrono::milliseconds> engine_age;  ///< Since the alive key was last seen to move; none: never.
    std::optional<std::chrono::milliseconds> pdr_age;     ///< The same of the slot.
    bool pdr_readable = false;
    std::string pdr_fault;
    std::optional<SlotSign> slot;                ///< In the last pass over the PDR.
    std::vector<RecordedVerdict> recorded = {};  ///< About it, in the same.
};

/// The document of Why (docs/architecture.md).
[[nodiscard]] json::Object why_document(const SystemConfig& config, const ClusterState& state, const MemberName& member,
                                        const Evidence& evidence);

}  // namespace ssi::cluster
