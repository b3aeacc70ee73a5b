#include "daemons/ssid/state/member_rules.hpp"

#include <algorithm>
#include <format>
#include <iterator>
#include <utility>

#include "daemons/ssid/state/record_keys.hpp"

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

/// Writes the record; what was once judged of the member stays with it.
Transaction set_member(const ClusterState& state, const MemberName& member, MemberRecord record) {
    if (const auto* before = state.member(member); before != nullptr && record.verdict.empty()) {
        record.verdict = before->verdict;
        record.declared_dead = before->declared_dead;
    }
    return {{unchanged(state, member_key(member))}, {{member_key(member), encode(record)}}};
}

MemberRecord dead(Incarnation incarnation, const std::string& reason) {
    return {MemberState::kDown, incarnation, reason, reason, incarnation};
}

/// One join or leave at a time: the transition key is taken by it.
Result<void> begin_transition(const ClusterState& state, const Transition& wanted, const Stalled& stalled,
                              Transaction& transaction) {
    transaction.conditions.push_back(unchanged(state, transition_key()));
    transaction.writes.push_back({transition_key(), encode(wanted)});
    const auto* open = state.transition();
    if (open == nullptr || open->member == wanted.member) return {};
    const bool joins = open->kind == Transition::Kind::kJoin;
    if (stalled != open->member)
        return failure(ErrorCode::kChangeUnderWay,
                       std::format("{} is {} at this moment", open->member.str(), joins ? "joining" : "leaving"),
                       open->member.str(), "wait and look again: ssictl query ssi");
    const auto* record = state.member(open->member);
    if (!joins || record == nullptr || record->state != MemberState::kJoining) return {};
    const auto voided =
        set_member(state, open->member, {MemberState::kDown, record->incarnation, "its join was not completed"});
    std::ranges::copy(voided.conditions, std::back_inserter(transaction.conditions));
    std::ranges::copy(voided.writes, std::back_inserter(transaction.writes));
    return {};
}

/// Ends the member's own join or leave, if one is open.
void end_transition(const ClusterState& state, const MemberName& member, Transaction& transaction) {
    const auto* open = state.transition();
    if (open == nullptr || open->member != member) return;
    transaction.conditions.push_back(unchanged(state, transition_key()));
    transaction.writes.push_back({transition_key(), std::nullopt});
}

/// The member is not alone any more: it is dead, gone, or begins anew.
void end_lone(const ClusterState& state, const MemberName& member, Transaction& transaction) {
    const auto* lone = state.lone();
    if (lone == nullptr || lone->member != member) return;
    transaction.conditions.push_back(unchanged(state, lone_key()));
    transaction.writes.push_back({lone_key(), std::nullopt});
}

/// What an admission and a refusal to admit have in common: a new life, and no fencing under way.
Result<Incarnation> next_life(const ClusterState& state, const MemberName& member) {
    if (state.fence(member) != nullptr)
        return failure(ErrorCode::kFenceOpen, std::format("a fencing of {} is under way", member.str()), member.str(),
                       "it joins by itself when the fencing has ended");
    const auto* record = state.member(member);
    return next(record == nullptr ? Incarnation{} : record->incarnation);
}

/// This life is the member's current one and in one of the states that count as up.
Result<const MemberRecord*> current(const ClusterState& state, const MemberLife& life) {
    const auto* record = state.member(life.member);
    if (record == nullptr) return unknown_member(life.member);
    if (record->incarnation != life.incarnation || !is_up(*record)) return life_is_over(life);
    return record;
}

}  // namespace

Unchanged unchanged(const ClusterState& state, const std::string& key) {
    return {key, state.modified(key)};
}

Result<void> may_join_beside_lone(const ClusterState& state, const MemberName& member, const SilentLone& silent) {
    const auto* lone = state.lone();
    if (lone == nullptr || lone->member == member || state.is_over(*lone) || silent == *lone) return {};
    return failure(
        ErrorCode::kChangeUnderWay,
        std::format("{} is alone and lets others in when its slot on the PDR no longer says so", lone->member.str()),
        lone->member.str(), "none is needed, unless it cannot write to the PDR: ssictl query ssi");
}

Result<Transaction> decide_admission(const ClusterState& state, const MemberName& member, const Stalled& stalled,
                                     const SilentLone& silent) {
    const auto incarnation = next_life(state, member);
    if (!incarnation) return std::unexpected(incarnation.error());
    if (auto allowed = may_join_beside_lone(state, member, silent); !allowed) return std::unexpected(allowed.error());
    auto transaction = set_member(state, member, {MemberState::kJoining, *incarnation, ""});
    transaction.conditions.push_back(unchanged(state, fence_key(member)));
    transaction.conditions.push_back(unchanged(state, lone_key()));
    if (state.lone() != nullptr && state.lone()->member == member)
        transaction.writes.push_back({lone_key(), std::nullopt});
    transaction.writes.push_back({alive_key(member), encode(AliveRecord{*incarnation, 0})});
    const Transition wanted{Transition::Kind::kJoin, member, *incarnation};
    if (auto begun = begin_transition(state, wanted, stalled, transaction); !begun)
        return std::unexpected(begun.error());
    return transaction;
}

Result<Transaction> decide_joined(const ClusterState& state, const MemberLife& life) {
    const auto* record = state.member(life.member);
    const bool is_its = record != nullptr && record->incarnation == life.incarnation;
    if (is_its && record->state == MemberState::kJoined) return Transaction{};
    if (!is_its || record->state != MemberState::kJoining)
        return failure(ErrorCode::kChangeUnderWay,
                       std::format("the join of {} was overtaken by another change", life.member.str()),
                       life.member.str(), "it is tried again");
    auto transaction = set_member(state, life.member, {MemberState::kJoined, life.incarnation, ""});
    end_transition(state, life.member, transaction);
    return transaction;
}

Result<Transaction> decide_isolated(const ClusterState& state, const MemberName& member, std::string reason) {
    const auto incarnation = next_life(state, member);
    if (!incarnation) return std::unexpected(incarnation.error());
    const auto* record = state.member(member);
    const bool is_so = record != nullptr && record->state == MemberState::kIsolated;
    if (is_so && record->reason == reason) return Transaction{};
    auto transaction = set_member(
        state, member, {MemberState::kIsolated, is_so ? record->incarnation : *incarnation, std::move(reason)});
    transaction.conditions.push_back(unchanged(state, fence_key(member)));
    end_transition(state, member, transaction);
    return transaction;
}

Result<Transaction> decide_alive(const ClusterState& state, const MemberLife& life, std::uint64_t beat) {
    if (auto record = current(state, life); !record) return std::unexpected(record.error());
    return Transaction{{unchanged(state, member_key(life.member))},
                       {{alive_key(life.member), encode(AliveRecord{life.incarnation, beat})}}};
}

Result<void> may_fence(const ClusterState& state, const MemberName& target) {
    if (const auto* word = state.disarmed(); word != nullptr)
        return failure(ErrorCode::kFencingDisarmed,
                       std::format("fencing is disarmed, by {} on {}", word->who, word->at.str()), target.str(),
                       "ssictl arm");
    if (const auto* word = state.maintenance(target); word != nullptr)
        return failure(ErrorCode::kMemberInMaintenance,
                       std::format("{} is in maintenance, by {} on {}", target.str(), word->who, word->at.str()),
                       target.str(), "ssictl maintenance off " + target.str());
    return {};
}

Result<Transaction> decide_fence(const ClusterState& state, const FenceRequest& request) {
    const auto& [by, target, alive_seen, owner_silent] = request;
    const auto* record = state.member(target);
    if (record == nullptr) return unknown_member(target);
    if (auto allowed = may_fence(state, target); !allowed) return std::unexpected(allowed.error());
    if (!is_up(*record))
        return failure(ErrorCode::kMemberNotJoined,
                       std::format("{} is {}: nothing runs on it", target.str(), text_of(record->state)), target.str());
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
         unchanged(state, member_key(by.member)), unchanged(state, fence_key(by.member)),
         unchanged(state, disarmed_key()), unchanged(state, maintenance_key(target))},
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
    auto transaction = set_member(state, target, dead(record->incarnation, reason));
    end_transition(state, target, transaction);
    end_lone(state, target, transaction);
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

Result<Transaction> decide_set_down(const ClusterState& state, const MemberName& target, bool sign_moving,
                                    const std::string& reason) {
    const auto* record = state.member(target);
    if (record == nullptr) return unknown_member(target);
    if (record->state == MemberState::kDown) return Transaction{};
    if (sign_moving)
        return failure(ErrorCode::kMemberAlive, std::format("{} shows signs of life", target.str()), target.str(),
                       "shut the host down in order, or cut its power, and try again");
    auto transaction = set_member(state, target, dead(record->incarnation, reason));
    end_transition(state, target, transaction);
    end_lone(state, target, transaction);
    transaction.conditions.push_back(unchanged(state, alive_key(target)));
    transaction.conditions.push_back(unchanged(state, fence_key(target)));
    transaction.writes.push_back({fence_key(target), std::nullopt});
    return transaction;
}

Result<Transaction> decide_disarm(const ClusterState& state, const OperatorWord& word) {
    if (state.disarmed() != nullptr) return Transaction{};
    Transaction transaction{{unchanged(state, disarmed_key())}, {{disarmed_key(), encode(word)}}};
    for (const auto& [name, record] : state.members()) {
        if (const auto* intent = state.fence(name); intent != nullptr)
            return failure(ErrorCode::kFenceOpen, std::format("{} is being fenced by {}", name.str(), intent->by.str()),
                           name.str(), "wait for its end (ssictl query ssi) and try again");
        transaction.conditions.push_back(unchanged(state, fence_key(name)));
    }
    return transaction;
}

Result<Transaction> decide_arm(const ClusterState& state) {
    if (state.disarmed() == nullptr) return Transaction{};
    return Transaction{{unchanged(state, disarmed_key())}, {{disarmed_key(), std::nullopt}}};
}

Result<Transaction> decide_maintenance_on(const ClusterState& state, const MemberName& target,
                                          const OperatorWord& word) {
    if (state.member(target) == nullptr) return unknown_member(target);
    if (state.maintenance(target) != nullptr) return Transaction{};
    if (const auto* intent = state.fence(target); intent != nullptr)
        return failure(ErrorCode::kFenceOpen, std::format("{} is being fenced by {}", target.str(), intent->by.str()),
                       target.str(), "wait for its end (ssictl query ssi) and try again");
    return Transaction{{unchanged(state, maintenance_key(target)), unchanged(state, fence_key(target))},
                       {{maintenance_key(target), encode(word)}}};
}

Result<Transaction> decide_maintenance_off(const ClusterState& state, const MemberName& target) {
    if (state.maintenance(target) == nullptr) return Transaction{};
    return Transaction{{unchanged(state, maintenance_key(target))}, {{maintenance_key(target), std::nullopt}}};
}

Result<Transaction> decide_leaving(const ClusterState& state, const MemberLife& life, const Stalled& stalled) {
    const auto record = current(state, life);
    if (!record) return std::unexpected(record.error());
    if ((*record)->state == MemberState::kLeaving) return Transaction{};
    auto transaction = set_member(state, life.member, {MemberState::kLeaving, life.incarnation, ""});
    const Transition wanted{Transition::Kind::kLeave, life.member, life.incarnation};
    if (auto begun = begin_transition(state, wanted, stalled, transaction); !begun)
        return std::unexpected(begun.error());
    return transaction;
}

Result<Transaction> decide_left(const ClusterState& state, const MemberLife& life) {
    const MemberRecord left{MemberState::kDown, life.incarnation, "left"};
    if (const auto* record = state.member(life.member); record != nullptr && record->incarnation == left.incarnation &&
                                                        record->state == left.state && record->reason == left.reason)
        return Transaction{};
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
    end_transition(state, life.member, transaction);
    end_lone(state, life.member, transaction);
    return transaction;
}

Result<Transaction> decide_stay(const ClusterState& state, const MemberLife& life) {
    const auto record = current(state, life);
    if (!record) return std::unexpected(record.error());
    if ((*record)->state == MemberState::kJoined) return Transaction{};
    auto transaction = set_member(state, life.member, {MemberState::kJoined, life.incarnation, ""});
    end_transition(state, life.member, transaction);
    return transaction;
}

}  // namespace ssi::cluster
