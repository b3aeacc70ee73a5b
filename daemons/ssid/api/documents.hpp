#pragma once
/// The JSON documents that the administrator's API answers with (docs/architecture.md, "JSON documents"). Pure.

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "daemons/ssid/state/cluster_state.hpp"
#include "lib/common/json_message.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::cluster {

/// What this member alone knows.
struct OwnView {
    MemberName own;
    bool has_majority = false;
    std::map<MemberName, std::chrono::milliseconds> heartbeat_ages;  ///< Of members whose sign was seen to move.
    std::map<MemberName, std::chrono::milliseconds> pdr_ages;        ///< The same of their slots on the PDR.
    struct Pdr {
        bool readable = false;
        std::string fault;
    };
    std::optional<Pdr> pdr;  ///< If the cluster has one.
};

[[nodiscard]] json::Object query_document(const SystemConfig& config, const ClusterState& state, const OwnView& view);
[[nodiscard]] json::Object guest_list_document(const ClusterState& state);
/// Error: kGuestUnknown.
[[nodiscard]] Result<json::Object> guest_document(const ClusterState& state, const GuestName& guest);
[[nodiscard]] json::Object move_document(const GuestName& guest, const MoveRecord& move);
/// The move under way, or the last one. Error: kGuestUnknown when it never moved.
[[nodiscard]] Result<json::Object> relocation_document(const ClusterState& state, const GuestName& guest);

}  // namespace ssi::cluster
