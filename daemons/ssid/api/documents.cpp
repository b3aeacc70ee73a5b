#include "daemons/ssid/api/documents.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <format>
#include <set>
#include <utility>

namespace ssi::cluster {
namespace {

using boost::json::array;
using boost::json::value;

value free_mib_of(const ClusterState& state, const MemberName& member) {
    const auto life = state.joined_life(member);
    const auto* capacity = life ? state.capacity(*life) : nullptr;
    return capacity == nullptr ? value(nullptr) : value(capacity->free_mib);
}

value age_of(const MemberName& member, const std::map<MemberName, std::chrono::milliseconds>& ages) {
    const auto found = ages.find(member);
    return found == ages.end() ? value(nullptr) : value(found->second.count());
}

bool is_voter(const MemberName& member, const SystemConfig& config, const OwnView& view) {
    if (view.seats.empty()) return std::ranges::contains(config.voters(), member);
    return std::ranges::any_of(view.seats, [&](const Seat& seat) { return seat.member == member && !seat.is_learner; });
}

/// What is wrong with its doors; empty: nothing that is known.
std::string doors_fault(const ClusterState& state, const MemberName& member) {
    const auto life = state.joined_life(member);
    const auto* open = life ? state.open_doors(*life) : nullptr;
    return open == nullptr ? "" : open->fault;
}

value config_entry(const ClusterState& state, const MemberName& member) {
    const auto* config = state.config_of(member);
    if (config == nullptr) return nullptr;
    return json::Object{{"running", config->running}, {"file", config->file}, {"note", config->note}};
}

json::Object member_entry(const MemberConfig& member, const SystemConfig& config, const ClusterState& state,
                          const OwnView& view) {
    const auto* record = state.member(member.name);
    const auto slot = view.slots.find(member.name);
    const auto guests = std::ranges::count_if(
        state.residencies(), [&](const auto& item) { return item.second.value.home.member == member.name; });
    auto reason = committed_reason(state, member.name, view.sight);
    if (const auto* intent = state.fence(member.name)) reason = std::format("being fenced by {}", intent->by.str());
    return {{"slot", member.slot.number()},
            {"name", member.name.str()},
            {"state", text_of(state_seen(state, member.name, view.sight))},
            {"incarnation", record == nullptr ? 0 : std::to_underlying(record->incarnation)},
            {"heartbeat_age_ms", age_of(member.name, view.heartbeat_ages)},
            {"pdr_heartbeat_age_ms", age_of(member.name, view.pdr_ages)},
            {"watchdog", text_of(member.watchdog)},
            {"slot_record", slot_entry(slot == view.slots.end() ? nullptr : &slot->second)},
            {"voter", is_voter(member.name, config, view)},
            {"guests", guests},
            {"free_mib", free_mib_of(state, member.name)},
            {"maintenance", word_entry(state.maintenance(member.name))},
            {"config", config_entry(state, member.name)},
            {"doors_fault", doors_fault(state, member.name)},
            {"reason", reason}};
}

json::Object guest_entry(const ClusterState& state, const GuestName& guest) {
    json::Object entry{{"name", guest.str()}, {"uuid", ""},     {"phase", "Down"}, {"member", nullptr},
                       {"to", nullptr},       {"run", nullptr}, {"reason", ""}};
    if (const auto* definition = state.definition(guest)) entry["uuid"] = definition->uuid.str();
    const auto* saved = state.saved(guest);
    entry["saved_at"] = saved == nullptr ? value(nullptr) : value(saved->member.str());
    if (saved != nullptr) entry["reason"] = std::format("its memory is saved on {}", saved->member.str());
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
                   "a guest is known once it is defined or started; ssictl guest list shows them");
}

}  // namespace

std::string text(const json::Object& document) {
    return boost::json::serialize(document);
}

Result<std::string> text(const Result<json::Object>& document) {
    if (!document) return std::unexpected(document.error());
    return text(*document);
}

value word_entry(const OperatorWord* word) {
    if (word == nullptr) return nullptr;
    return json::Object{
        {"who", word->who}, {"at", word->at.str()}, {"why", word->why}, {"since", time_text(word->since)}};
}

std::string time_text(std::int64_t seconds) {
    return std::format("{:%FT%TZ}", std::chrono::sys_seconds{std::chrono::seconds(seconds)});
}

json::Object query_document(const SystemConfig& config, const ClusterState& state, const OwnView& view) {
    array members;
    for (const auto& member : config.members) members.push_back(member_entry(member, config, state, view));
    value pdr = nullptr;
    if (view.pdr)
        pdr = json::Object{
            {"device", config.pdr.device.string()}, {"readable", view.pdr->readable}, {"fault", view.pdr->fault}};
    value agreed = nullptr;
    if (const auto* record = state.config(); record != nullptr)
        agreed = json::Object{{"generation", record->generation}, {"hash", record->hash}, {"by", record->by.str()}};
    return {{"v", 1},
            {"cluster", json::Object{{"name", config.cluster},
                                     {"uuid", config.cluster_uuid},
                                     {"mode", text_of(mode_seen(state, view.sight))}}},
            {"member", view.sight.own.str()},
            {"majority", view.sight.has_majority},
            {"pdr", std::move(pdr)},
            {"fencing", fencing_document(state)},
            {"engine", json::Object{{"fault", view.engine_fault}}},
            {"lone", state.lone() == nullptr ? value(nullptr) : value(state.lone()->member.str())},
            {"config", std::move(agreed)},
            {"members", std::move(members)}};
}

value slot_entry(const SlotSign* slot) {
    if (slot == nullptr) return nullptr;
    const auto dead_after = slot->dead_after();
    return json::Object{{"incarnation", std::to_underlying(slot->incarnation)},
                        {"counter", slot->counter},
                        {"lease_ms", slot->lease.count()},
                        {"watchdog_ms", slot->watchdog.count()},
                        {"watchdog_kind", pdr::text_of(slot->watchdog_kind)},
                        {"armed", slot->armed},
                        {"lone", slot->lone},
                        {"witness_serving", slot->serves_witness},
                        {"dead_after_ms", dead_after ? value(dead_after->count()) : value(nullptr)}};
}

json::Object fencing_document(const ClusterState& state) {
    return {{"v", 1}, {"armed", state.disarmed() == nullptr}, {"disarmed", word_entry(state.disarmed())}};
}

json::Object maintenance_document(const ClusterState& state, const MemberName& member) {
    return {{"v", 1}, {"member", member.str()}, {"maintenance", word_entry(state.maintenance(member))}};
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
    entry["restart"] = definition == nullptr || state.policy(guest).restart;
    entry["policy"] = policy_document(state, guest);
    entry["memory_mib"] = definition == nullptr ? 0 : definition->memory_mib;
    const auto move = state.moves().find(guest);
    entry["last_move"] = move == state.moves().end() ? value(nullptr) : value(move_document(guest, move->second.value));
    return entry;
}

json::Object policy_document(const ClusterState& state, const GuestName& guest) {
    const auto policy = state.policy(guest);
    array prefer;
    for (const auto& member : policy.prefer) prefer.emplace_back(member.str());
    const auto* residency = state.residency(guest);
    return {{"v", 1},
            {"guest", guest.str()},
            {"restart", policy.restart},
            {"prefer", std::move(prefer)},
            {"priority", policy.priority},
            {"limit", policy.limit},
            {"restarts", residency == nullptr ? 0 : residency->restarts},
            {"origin", state.policies().contains(guest) ? "run-time" : "definition"}};
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
