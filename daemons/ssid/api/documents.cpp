#include "daemons/ssid/api/documents.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <format>
#include <set>
#include <utility>

namespace ssi::cluster {
namespace {

using boost::json::array;
using boost::json::value;

/// Stable: everybody is up, or down for a known reason. Influx: somebody leaves, is being fenced, or guests wait for a
/// new member. Safe: no majority, nothing new is started.
std::string_view mode_of(const ClusterState& state, const OwnView& view) {
    if (!view.has_majority) return "Safe";
    const bool leaving = std::ranges::any_of(
        state.members(), [](const auto& item) { return item.second.value.state == MemberState::kLeaving; });
    const bool orphans = std::ranges::any_of(state.residencies(), [&](const auto& item) {
        return item.second.value.phase == Phase::kPending || state.is_over(item.second.value.home);
    });
    return leaving || orphans || !state.fences().empty() ? "Influx" : "Stable";
}

value age_of(const MemberName& member, const std::map<MemberName, std::chrono::milliseconds>& ages) {
    const auto found = ages.find(member);
    return found == ages.end() ? value(nullptr) : value(found->second.count());
}

json::Object member_entry(const MemberConfig& member, const SystemConfig& config, const ClusterState& state,
                          const OwnView& view) {
    const auto* record = state.member(member.name);
    const auto voters = config.voters();
    const auto guests = std::ranges::count_if(
        state.residencies(), [&](const auto& item) { return item.second.value.home.member == member.name; });
    auto reason = record == nullptr ? std::string("never joined") : record->reason;
    if (const auto* intent = state.fence(member.name)) reason = std::format("being fenced by {}", intent->by.str());
    return {{"slot", member.slot.number()},
            {"name", member.name.str()},
            {"state", text_of(record == nullptr ? MemberState::kDown : record->state)},
            {"incarnation", record == nullptr ? 0 : std::to_underlying(record->incarnation)},
            {"heartbeat_age_ms", age_of(member.name, view.heartbeat_ages)},
            {"pdr_heartbeat_age_ms", age_of(member.name, view.pdr_ages)},
            {"watchdog", text_of(member.watchdog)},
            {"voter", std::ranges::find(voters, member.name) != voters.end()},
            {"guests", guests},
            {"reason", reason}};
}

json::Object guest_entry(const ClusterState& state, const GuestName& guest) {
    json::Object entry{{"name", guest.str()}, {"uuid", ""},     {"phase", "Down"}, {"member", nullptr},
                       {"to", nullptr},       {"run", nullptr}, {"reason", ""}};
    if (const auto* definition = state.definition(guest)) entry["uuid"] = definition->uuid.str();
    if (const auto* residency = state.residency(guest)) {
        entry["uuid"] = residency->uuid.str();
        entry["phase"] = text_of(residency->phase);
        entry["member"] = residency->home.member.str();
        entry["run"] = residency->run.str();
        entry["reason"] = residency->reason;
        if (residency->relocation) entry["to"] = residency->relocation->to.member.str();
    }
    return entry;
}

std::unexpected<Error> unknown_guest(const GuestName& guest) {
    return failure(ErrorCode::kGuestUnknown, std::format("the cluster knows no guest {}", guest.str()), guest.str(),
                   "a guest is known from its first start on; ssictl guest list shows them");
}

}  // namespace

json::Object query_document(const SystemConfig& config, const ClusterState& state, const OwnView& view) {
    array members;
    for (const auto& member : config.members) members.push_back(member_entry(member, config, state, view));
    value pdr = nullptr;
    if (view.pdr)
        pdr = json::Object{
            {"device", config.pdr.device.string()}, {"readable", view.pdr->readable}, {"fault", view.pdr->fault}};
    return {{"v", 1},
            {"cluster",
             json::Object{{"name", config.cluster}, {"uuid", config.cluster_uuid}, {"mode", mode_of(state, view)}}},
            {"member", view.own.str()},
            {"majority", view.has_majority},
            {"pdr", std::move(pdr)},
            {"members", std::move(members)}};
}

json::Object guest_list_document(const ClusterState& state) {
    std::set<GuestName> names;
    for (const auto& [name, record] : state.directory()) names.insert(name);
    for (const auto& [name, record] : state.residencies()) names.insert(name);
    array guests;
    for (const auto& name : names) guests.push_back(guest_entry(state, name));
    return {{"v", 1}, {"guests", std::move(guests)}};
}

Result<json::Object> guest_document(const ClusterState& state, const GuestName& guest) {
    const auto* definition = state.definition(guest);
    if (definition == nullptr && state.residency(guest) == nullptr) return unknown_guest(guest);
    auto entry = guest_entry(state, guest);
    entry["v"] = 1;
    entry["restart"] = definition == nullptr || definition->restart;
    const auto move = state.moves().find(guest);
    entry["last_move"] = move == state.moves().end() ? value(nullptr) : value(move_document(guest, move->second.value));
    return entry;
}

json::Object move_document(const GuestName& guest, const MoveRecord& move) {
    return {{"v", 1},
            {"guest", guest.str()},
            {"from", move.from.str()},
            {"to", move.to.str()},
            {"outcome", move.outcome},
            {"total_ms", move.total_ms},
            {"down_ms", move.down_ms},
            {"reason", move.reason}};
}

Result<json::Object> relocation_document(const ClusterState& state, const GuestName& guest) {
    if (const auto* residency = state.residency(guest); residency != nullptr && residency->relocation) {
        const MoveRecord under_way{residency->home.member,
                                   residency->relocation->to.member,
                                   {},
                                   "under way",
                                   0,
                                   0,
                                   residency->relocation->abort_requested ? "being undone" : ""};
        return move_document(guest, under_way);
    }
    if (const auto move = state.moves().find(guest); move != state.moves().end())
        return move_document(guest, move->second.value);
    return failure(ErrorCode::kGuestUnknown, std::format("guest {} has not been relocated", guest.str()), guest.str());
}

}  // namespace ssi::cluster
