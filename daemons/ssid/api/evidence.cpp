#include "daemons/ssid/api/evidence.hpp"

#include <algorithm>
#include <format>
#include <utility>

#include "daemons/ssid/api/documents.hpp"
#include "daemons/ssid/fencing/fence_chain.hpp"
#include "daemons/ssid/state/member_rules.hpp"

namespace ssi::cluster {
namespace {

using boost::json::value;
using std::chrono::milliseconds;

value count_of(const std::optional<milliseconds>& time) {
    return time ? value(time->count()) : value(nullptr);
}

std::string ago(const std::optional<milliseconds>& age) {
    return age ? std::format("{:.1f} s ago", static_cast<double>(age->count()) / 1000)
               : "never since this ssid started";
}

value engine_sign(const ClusterState& state, const MemberName& member, const Evidence& evidence) {
    const auto alive = state.alive().find(member);
    if (alive == state.alive().end()) return nullptr;
    const bool is_own = member == evidence.sight.own;
    return json::Object{{"path", "etcd, over the logical links"},
                        {"last_moved_ms", count_of(evidence.engine_age)},
                        {"heard", evidence.sight.has_majority && (is_own || !evidence.sight.unheard.contains(member))},
                        {"incarnation", std::to_underlying(alive->second.value.incarnation)},
                        {"beat", alive->second.value.beat},
                        {"revision", std::to_underlying(alive->second.modified)}};
}

value pdr_sign(const SystemConfig& config, const MemberName& member, const Evidence& evidence) {
    if (config.pdr.device.empty()) return nullptr;
    return json::Object{{"path", config.pdr.device.string()},
                        {"last_moved_ms", count_of(evidence.pdr_age)},
                        {"moves", evidence.sight.slots_moving.contains(member)},
                        {"readable", evidence.pdr_readable},
                        {"fault", evidence.pdr_fault},
                        {"slot", slot_entry(evidence.slot ? &*evidence.slot : nullptr)}};
}

value intent_entry(const FenceRecord* intent) {
    if (intent == nullptr) return nullptr;
    return json::Object{{"by", intent->by.str()},
                        {"incarnation", std::to_underlying(intent->incarnation)},
                        {"alive_revision", std::to_underlying(intent->alive)}};
}

value verdict_entry(const MemberRecord* record) {
    if (record == nullptr || record->verdict.empty()) return nullptr;
    return json::Object{{"reason", record->verdict}, {"incarnation", std::to_underlying(record->declared_dead)}};
}

boost::json::array recorded_entries(const SystemConfig& config, const std::vector<RecordedVerdict>& recorded) {
    boost::json::array entries;
    for (const auto& [by, verdict] : recorded) {
        const auto writer = std::ranges::find(config.members, by, &MemberConfig::slot);
        entries.emplace_back(json::Object{
            {"by", writer == config.members.end() ? std::format("slot {}", by.number()) : writer->name.str()},
            {"proof", pdr::text_of(verdict.proof)},
            {"incarnation", std::to_underlying(verdict.incarnation)},
            {"counter", verdict.counter}});
    }
    return entries;
}

bool can_be_proved_dead(const SystemConfig& config, const MemberName& member) {
    const auto* entry = config.find(member);
    const bool has_time =
        !config.pdr.device.empty() && entry != nullptr && entry->watchdog == WatchdogConfig::kHardware;
    return std::ranges::any_of(fence_methods(config), [&](const FenceConfig& fence) {
        return fence.method == FenceMethod::kAgent || (fence.method == FenceMethod::kTime && has_time) ||
               (fence.method == FenceMethod::kReservations && fence.all_disks);
    });
}

bool has_agent(const SystemConfig& config) {
    return std::ranges::contains(fence_methods(config), FenceMethod::kAgent, &FenceConfig::method);
}

/// What is to come of a member of which nothing is seen.
std::string prospect(const SystemConfig& config, const ClusterState& state, const MemberName& member,
                     const Evidence& evidence) {
    const auto set_down = std::format("if it is off for certain: ssictl member set-down {}", member.str());
    const bool is_lone = evidence.slot && evidence.slot->lone;
    if (is_lone && (!evidence.sight.has_majority || !has_agent(config)))
        return "its slot says that it is alone: time proves nothing; " + set_down;
    if (!evidence.sight.has_majority)
        return "this member has no majority: those that have it decide; here nothing can be told";
    if (const auto* intent = state.fence(member)) return std::format("it is being fenced by {}", intent->by.str());
    if (const auto allowed = may_fence(state, member); !allowed)
        return std::format("it is not fenced, for {}; {}", allowed.error().what, set_down);
    if (!config.pdr.device.empty() && !evidence.pdr_readable)
        return "the PDR cannot be read here, which proves nothing; " + set_down;
    if (!can_be_proved_dead(config, member)) return "no [[fence]] can prove that it is dead; " + set_down;
    return "it is fenced as soon as both signs have stood still for silence_s";
}

std::string conclusion(const SystemConfig& config, const ClusterState& state, const MemberName& member,
                       const Evidence& evidence) {
    const auto* record = state.member(member);
    if (record == nullptr && is_unread(state, evidence.sight))
        return "the cluster's state was not read yet: " + prospect(config, state, member, evidence);
    if (record == nullptr) return "it never joined";
    const bool is_own = member == evidence.sight.own;
    switch (state_seen(state, member, evidence.sight)) {
        case MemberState::kDown:
            return record->reason;
        case MemberState::kJoining:
            return "its admission is under way";
        case MemberState::kJoined:
        case MemberState::kLeaving:
            return is_own ? std::format("its beat was committed {}", ago(evidence.engine_age))
                          : std::format("its alive key moved {}", ago(evidence.engine_age));
        case MemberState::kIsolated:
            return "it may not join as it is: " + record->reason;
        case MemberState::kSuspended:
            if (is_own)
                return std::format("no majority hears this member: its last beat was committed {}",
                                   ago(evidence.engine_age));
            return std::format("its alive key moved {}, but its slot on the PDR {}: it lives and cannot be reached",
                               ago(evidence.engine_age), ago(evidence.pdr_age));
        case MemberState::kUnknown:
            break;
    }
    return std::format("its alive key moved {}: {}", ago(evidence.engine_age),
                       prospect(config, state, member, evidence));
}

}  // namespace

json::Object why_document(const SystemConfig& config, const ClusterState& state, const MemberName& member,
                          const Evidence& evidence) {
    const auto* record = state.member(member);
    const auto* configured = config.find(member);
    const auto committed = record == nullptr ? MemberState::kDown : record->state;
    const auto* change = state.transition();
    return {{"v", 1},
            {"member", member.str()},
            {"seen_by", evidence.sight.own.str()},
            {"state", text_of(state_seen(state, member, evidence.sight))},
            {"committed", json::Object{{"state", text_of(committed)},
                                       {"incarnation", record == nullptr ? 0 : std::to_underlying(record->incarnation)},
                                       {"reason", committed_reason(state, member, evidence.sight)}}},
            {"engine", engine_sign(state, member, evidence)},
            {"pdr", pdr_sign(config, member, evidence)},
            {"recorded", recorded_entries(config, evidence.recorded)},
            {"watchdog", text_of(configured == nullptr ? WatchdogConfig::kNone : configured->watchdog)},
            {"intent", intent_entry(state.fence(member))},
            {"changes", change != nullptr && change->member == member},
            {"fencing", fencing_document(state)},
            {"maintenance", maintenance_document(state, member).at("maintenance")},
            {"last_verdict", verdict_entry(record)},
            {"conclusion", conclusion(config, state, member, evidence)}};
}

}  // namespace ssi::cluster
