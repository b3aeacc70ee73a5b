#pragma once
/// The JSON documents that the administrator's API answers with (docs/architecture.md, "JSON documents"). Pure.

#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemons/ssid/engine/voter_plan.hpp"
#include "daemons/ssid/gate/guard_link.hpp"
#include "daemons/ssid/state/cluster_mode.hpp"
#include "daemons/ssid/state/cluster_state.hpp"
#include "lib/common/json_message.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::cluster {

/// What this member alone knows.
struct OwnView {
    Sight sight;
    std::map<MemberName, std::chrono::milliseconds> heartbeat_ages;  ///< Of members whose sign was seen to move.
    std::map<MemberName, std::chrono::milliseconds> pdr_ages;        ///< The same of their slots on the PDR.
    struct Pdr {
        bool readable = false;
        std::string fault;
    };
    std::optional<Pdr> pdr;    ///< If the cluster has one.
    std::vector<Seat> seats;   ///< The engine's voters; empty: not known yet.
    std::string engine_fault;  ///< What is wrong with this member's etcd, and what to do; empty: nothing.
    std::map<MemberName, SlotSign> slots = {};  ///< As the last pass over the PDR read them.
};

/// As it goes over the bus.
[[nodiscard]] std::string text(const json::Object& document);
[[nodiscard]] Result<std::string> text(const Result<json::Object>& document);
/// Who said it, where, when and why; null: nobody did.
[[nodiscard]] boost::json::value word_entry(const OperatorWord* word);
/// Seconds since 1970 as "2026-11-29T16:30:00Z".
[[nodiscard]] std::string time_text(std::int64_t seconds);

[[nodiscard]] json::Object query_document(const SystemConfig& config, const ClusterState& state, const OwnView& view);
/// What a member promises of itself in its slot on the PDR; null without one.
[[nodiscard]] boost::json::value slot_entry(const SlotSign* slot);
/// Whether members are fenced, and if not, by whose word.
[[nodiscard]] json::Object fencing_document(const ClusterState& state);
[[nodiscard]] json::Object maintenance_document(const ClusterState& state, const MemberName& member);
[[nodiscard]] json::Object guest_list_document(const ClusterState& state);
[[nodiscard]] json::Object policy_document(const ClusterState& state, const GuestName& guest);
/// Error: kGuestUnknown.
[[nodiscard]] Result<json::Object> guest_document(const ClusterState& state, const GuestName& guest);
[[nodiscard]] json::Object move_document(const GuestName& guest, const MoveRecord& move);
/// The move under way, or the last one. Error: kGuestUnknown when it never moved.
[[nodiscard]] Result<json::Object> relocation_document(const ClusterState& state, const GuestName& guest);

}  // namespace ssi::cluster
