#include "daemons/ssid/state/member_rules.hpp"

#include <format>
#include <utility>

namespace ssi::cluster {
namespace {

Incarnation next(Incarnation incarnation) {
    return Incarnation{std::to_underlying(incarnation) + 1};
}

std::unexpected<Error> unknown_member(const MemberName& member) {
    return failure(ErrorCode::kMemberUnknown, std::format("member {} was never in this cluster", member.str()),
                   member.str(), "ssictl query ssi lists the members");
}

std::unexpected<Error> life_is_over(const MemberLife& life) {
    return failure(
        ErrorCode::kDeclaredDead,
        std::format("incarnation {} of {} was declared dead", std::to_underlying(life.incarnation), life.member.str()),
        life.member.str(), "reboot this host: it joins again with a new incarnation");
}

Transaction set_member(const ClusterState& state, const MemberName& member, const MemberRecord& record) {
    return {{unchanged(state, member_key(member))}, {{member_key(member), encode(record)}}};
}

/// This life is the member's current one and in one of the states that count as up.
Result<const MemberRecord*> current(const ClusterState& state, const MemberLife& life) {
    const auto* record = state.member(life.member);
    if (record == nullptr) return unknown_member(life.member);
    if (record->incarnation != life.incarnation || record->state == MemberState::kDown) return life_is_over(life);
    return record;
}

}  // namespace

Unchanged unchanged(const ClusterState& state, const std::string& key) {
    return {key, state.modified(key)};
}

Result<Transaction> decide_admission(const ClusterState& state, const MemberName& member) {
    if (state.fence(member) != nullptr)
        return failure(ErrorCode::kFenceOpen, std::format("a fencing of {} is under way", member.str()), member.str(),
                       "it joins by itself when the fencing has ended");
    const auto* record = state.member(member);
    const auto incarnation = next(record == nullptr ? Incarnation{} : record->incarnation);
    auto transaction = set_member(state, member, {MemberState::kJoined, incarnation, ""});
    transaction.conditions.push_back(unchanged(state, fence_key(member)));
    transaction.writes.push_back({alive_key(member), encode(AliveRecord{incarnation, 0})});
    return transaction;
}

Result<Transaction> decide_alive(const ClusterState& state, const MemberLife& life, std::uint64_t beat) {
    if (auto record = current(state, life); !record) return std::unexpected(record.error());
    return Transaction{{unchanged(state, member_key(life.member))},
                       {{alive_key(life.member), encode(AliveRecord{life.incarnation, beat})}}};
}

Result<Transaction> decide_fence(const ClusterState& state, const FenceRequest& request) {
    const auto& [by, target, alive_seen, owner_silent] = request;
    const auto* record = state.member(target);
    if (record == nullptr) return unknown_member(target);
    if (record->state == MemberState::kDown)
        return failure(ErrorCode::kMemberNotJoined, std::format("{} is Down already", target.str()), target.str());
    if (auto own = current(state, by); !own) return std::unexpected(own.error());
    if (state.modified(alive_key(target)) != alive_seen)
        return failure(ErrorCode::kMemberAlive, std::format("{} shows signs of life again", target.str()),
                       target.str());
    if (const auto* intent = state.fence(target); intent != nullptr) {
        if (intent->by == by.member && intent->incarnation == record->incarnation && intent->alive == alive_seen)
            return Transaction{};
        if (intent->by != by.member && state.joined_life(intent->by) && !owner_silent)
            return failure(ErrorCode::kFenceOpen,
                           std::format("{} is being fenced by {}", target.str(), intent->by.str()), target.str());
    }
    // Two members that find each other silent must not shoot each other: who is being fenced does not fence.
    if (state.fence(by.member) != nullptr)
        return failure(ErrorCode::kFenceOpen, std::format("{} is being fenced itself", by.member.str()),
                       by.member.str());
    const FenceRecord intent{record->incarnation, by.member, alive_seen};
    return Transaction{
        {unchanged(state, member_key(target)), unchanged(state, alive_key(target)), unchanged(state, fence_key(target)),
         unchanged(state, member_key(by.member)), unchanged(state, fence_key(by.member))},
        {{fence_key(target), encode(intent)}}};
}

Result<Transaction> decide_dead(const ClusterState& state, const MemberName& by, const MemberName& target,
                                std::string reason) {
    const auto* record = state.member(target);
    if (record == nullptr) return unknown_member(target);
    if (record->state == MemberState::kDown) return Transaction{};
    const auto* intent = state.fence(target);
    if (intent == nullptr || intent->by != by || intent->incarnation != record->incarnation)
        return failure(ErrorCode::kFenceOpen, std::format("the intent to fence {} is not {}'s", target.str(), by.str()),
                       target.str());
    if (state.modified(alive_key(target)) != intent->alive)
        return failure(ErrorCode::kMemberAlive,
                       std::format("{} showed a sign of life after it was fenced", target.str()), target.str(),
                       "check that the fence agent cuts the power of the right machine");
    auto transaction = set_member(state, target, {MemberState::kDown, record->incarnation, std::move(reason)});
    transaction.conditions.push_back(unchanged(state, fence_key(target)));
    transaction.conditions.push_back(unchanged(state, alive_key(target)));
    transaction.writes.push_back({fence_key(target), std::nullopt});
    return transaction;
}

Result<Transaction> decide_fence_void(const ClusterState& state, const MemberName& by, const MemberName& target) {
    const auto* intent = state.fence(target);
    if (intent == nullptr || intent->by != by) return Transaction{};
    return Transaction{{unchanged(state, fence_key(target))}, {{fence_key(target), std::nullopt}}};
}

Result<Transaction> decide_set_down(const ClusterState& state, const MemberName& target, bool sign_moving) {
    const auto* record = state.member(target);
    if (record == nullptr) return unknown_member(target);
    if (record->state == MemberState::kDown) return Transaction{};
    if (sign_moving)
        return failure(ErrorCode::kMemberAlive, std::format("{} shows signs of life", target.str()), target.str(),
                       "shut the host down in order, or cut its power, and try again");
    auto transaction = set_member(state, target, {MemberState::kDown, record->incarnation, "set down by the operator"});
    transaction.conditions.push_back(unchanged(state, alive_key(target)));
    transaction.conditions.push_back(unchanged(state, fence_key(target)));
    transaction.writes.push_back({fence_key(target), std::nullopt});
    return transaction;
}

Result<Transaction> decide_leaving(const ClusterState& state, const MemberLife& life) {
    const auto record = current(state, life);
    if (!record) return std::unexpected(record.error());
    if ((*record)->state == MemberState::kLeaving) return Transaction{};
    return set_member(state, life.member, {MemberState::kLeaving, life.incarnation, ""});
}

Result<Transaction> decide_left(const ClusterState& state, const MemberLife& life) {
    const MemberRecord left{MemberState::kDown, life.incarnation, "left"};
    if (const auto* record = state.member(life.member); record != nullptr && *record == left) return Transaction{};
    if (auto record = current(state, life); !record) return std::unexpected(record.error());
    for (const auto& [guest, residency] : state.residencies()) {
        const bool here = residency.value.phase != Phase::kPending && residency.value.home == life;
        const bool coming = residency.value.relocation && residency.value.relocation->to == life;
        if (here || coming)
            return failure(ErrorCode::kMemberHasGuests,
                           std::format("guest {} is on {}", guest.str(), life.member.str()), guest.str(),
                           "shut it down or relocate it first");
    }
    auto transaction = set_member(state, life.member, left);
    transaction.conditions.push_back(unchanged(state, fence_key(life.member)));
    transaction.writes.push_back({fence_key(life.member), std::nullopt});
    return transaction;
}

Result<Transaction> decide_stay(const ClusterState& state, const MemberLife& life) {
    const auto record = current(state, life);
    if (!record) return std::unexpected(record.error());
    if ((*record)->state == MemberState::kJoined) return Transaction{};
    return set_member(state, life.member, {MemberState::kJoined, life.incarnation, ""});
}

}  // namespace ssi::cluster
