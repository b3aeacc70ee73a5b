#include "daemons/ssid/state/config_rules.hpp"

#include <algorithm>
#include <format>

#include "daemons/ssid/state/record_keys.hpp"

namespace ssi::cluster {
namespace {

/// Its guests run, or may: what it runs with counts.
Transaction set_config(const ClusterState& state, const MemberName& by, const SharedConfig& config) {
    const auto* known = state.config();
    const ClusterConfigRecord record{known == nullptr ? 1 : known->generation + 1, config.hash, config.text, by};
    return {{unchanged(state, cluster_config_key())}, {{cluster_config_key(), encode(record)}}};
}

bool is_cluster_config(const ClusterState& state, const SharedConfig& config) {
    return state.config() != nullptr && state.config()->hash == config.hash;
}

/// It came with what it had before, and another member was given the cluster's since: it missed a push, it is not the
/// one that brings a new file.
bool has_missed_a_push(const ClusterState& state, const MemberName& member, const SharedConfig& running) {
    const auto* own = state.config_of(member);
    if (own != nullptr && own->file != running.hash) return false;
    return std::ranges::any_of(state.configs(), [&](const auto& item) {
        return item.first != member && item.second.value.file == state.config()->hash;
    });
}

}  // namespace

Result<void> may_join_with(const ClusterState& state, const MemberName& member, const SharedConfig& running) {
    const auto* known = state.config();
    if (known == nullptr || known->hash == running.hash) return {};
    bool alone = true;
    bool in_all_files = true;
    for (const auto& [name, record] : state.members()) {
        if (name == member || !is_up(record.value)) continue;
        alone = false;
        const auto* config = state.config_of(name);
        in_all_files = in_all_files && config != nullptr && config->file == running.hash;
    }
    if (in_all_files && !(alone && has_missed_a_push(state, member, running))) return {};
    const auto differences = compare_shared(running.text, known->text);
    return failure(
        ErrorCode::kConfigDiffers,
        std::format("system.toml of {} differs from the cluster's: {}", member.str(),
                    describe(differences, "here", "in the cluster")),
        member.str(),
        std::format("ssictl config pull on {}; or, if its file is the right one, ssictl config push --force there",
                    member.str()));
}

Result<Transaction> decide_config_agreed(const ClusterState& state, const MemberName& by, const SharedConfig& running) {
    if (is_cluster_config(state, running) || !state.joined_life(by)) return Transaction{};
    auto transaction = set_config(state, by, running);
    for (const auto& [name, record] : state.members()) {
        if (!is_up(record.value)) continue;
        const auto* config = state.config_of(name);
        if (config == nullptr || config->running != running.hash || config->file != running.hash) return Transaction{};
        transaction.conditions.push_back(unchanged(state, member_key(name)));
        transaction.conditions.push_back(unchanged(state, member_config_key(name)));
    }
    return transaction;
}

Result<Transaction> decide_config(const ClusterState& state, const MemberName& by, const SharedConfig& config,
                                  bool force) {
    if (is_cluster_config(state, config)) return Transaction{};
    if (!force && !state.joined_life(by))
        return failure(ErrorCode::kMemberNotJoined,
                       std::format("{} is not Joined: its system.toml may be the odd one", by.str()), by.str(),
                       "ssictl config pull; or, if its file is the right one, ssictl config push --force");
    auto transaction = set_config(state, by, config);
    transaction.conditions.push_back(unchanged(state, member_key(by)));
    return transaction;
}

Result<Transaction> decide_config_report(const ClusterState& state, const MemberName& member,
                                         const MemberConfigRecord& record) {
    if (const auto* known = state.config_of(member); known != nullptr && *known == record) return Transaction{};
    return Transaction{{unchanged(state, member_config_key(member))}, {{member_config_key(member), encode(record)}}};
}

std::string config_note(const ClusterState& state, const SharedConfig& running,
                        const std::optional<SharedConfig>& file) {
    if (!file) return "has problems: ssictl config check";
    const auto* cluster = state.config();
    if (cluster != nullptr && file->hash != cluster->hash)
        return std::format("differs from the cluster's: {}",
                           describe(compare_shared(file->text, cluster->text), "there", "in the cluster"));
    if (file->hash != running.hash) return "is not in effect yet: ssictl config reload";
    return "";
}

Result<void> may_change_member(const ClusterState& state, const MemberName& member) {
    const auto& name = member.str();
    if (state.fence(member) != nullptr)
        return failure(ErrorCode::kFenceOpen, std::format("a fencing of {} is under way", name), name,
                       "wait for its end: ssictl query ssi");
    const auto* record = state.member(member);
    if (record != nullptr && record->state != MemberState::kDown)
        return failure(
            ErrorCode::kMemberAlive,
            std::format("{} is {}: its life is not known to be over", name, text_of(record->state)), name,
            std::format("ssictl member leave on {0}; if it is off for good, ssictl member set-down {0}", name));
    for (const auto& [guest, residency] : state.residencies())
        if (residency.value.home.member == member)
            return failure(ErrorCode::kMemberHasGuests,
                           std::format("guest {} is still {} there", guest.str(), text_of(residency.value.phase)),
                           guest.str(), "it is started elsewhere by itself: ssictl guest show " + guest.str());
    return {};
}

Result<void> may_reboot(const ClusterState& state, const MemberName& member) {
    for (const auto& [guest, residency] : state.residencies()) {
        const bool here = residency.value.phase != Phase::kPending && residency.value.home.member == member;
        const bool coming = residency.value.relocation && residency.value.relocation->to.member == member;
        if (here || coming)
            return failure(ErrorCode::kMemberHasGuests, std::format("guest {} is on {}", guest.str(), member.str()),
                           guest.str(), "relocate it or shut it down first; --force ends it with the host");
    }
    return {};
}

}  // namespace ssi::cluster
