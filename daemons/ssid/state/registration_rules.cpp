#include "daemons/ssid/state/registration_rules.hpp"

#include <format>
#include <utility>

#include "daemons/ssid/state/member_rules.hpp"

namespace ssi::cluster {
namespace {

/// Joining, too: what is registered then is there when the first guest comes.
bool is_current(const ClusterState& state, const MemberLife& life) {
    const auto* record = state.member(life.member);
    return record != nullptr && record->incarnation == life.incarnation &&
           (record->state == MemberState::kJoining || record->state == MemberState::kJoined ||
            record->state == MemberState::kLeaving);
}

std::unexpected<Error> is_over(const MemberLife& life) {
    return failure(ErrorCode::kDeclaredDead,
                   std::format("incarnation {} of {} is over: it registers at no volume any more",
                               std::to_underlying(life.incarnation), life.member.str()),
                   life.member.str(), "reboot this host: it joins again with a new incarnation");
}

Transaction set_registration(const ClusterState& state, const MemberLife& life, bool open) {
    return {{unchanged(state, member_key(life.member)), unchanged(state, registration_key(life.member))},
            {{registration_key(life.member), encode(RegistrationRecord{life.incarnation, open})}}};
}

}  // namespace

Result<Transaction> decide_registering(const ClusterState& state, const MemberLife& life) {
    if (!is_current(state, life)) return is_over(life);
    if (state.fence(life.member) != nullptr)
        return failure(ErrorCode::kFenceOpen,
                       std::format("{} is being fenced: it registers at no volume", life.member.str()),
                       life.member.str(), "it does when the fencing has ended");
    // Written also when it is open already: a mirror may be old, and only the engine knows that nothing has changed.
    auto transaction = set_registration(state, life, true);
    transaction.conditions.push_back(unchanged(state, fence_key(life.member)));
    return transaction;
}

Result<Transaction> decide_registered(const ClusterState& state, const MemberLife& life) {
    if (!is_current(state, life)) return is_over(life);
    const auto* record = state.registration(life);
    if (record == nullptr)
        return failure(ErrorCode::kConflict,
                       std::format("{} has registered without saying so before", life.member.str()), life.member.str());
    if (!record->open) return Transaction{};
    return set_registration(state, life, false);
}

Result<Revision> settled_registration(const ClusterState& state, const MemberLife& life) {
    const auto& name = life.member.str();
    const auto unproved = [&](std::string_view why) {
        return failure(ErrorCode::kFenceFailed, std::format("reservations do not stop {}: {}", name, why), name,
                       "ssictl fence test " + name);
    };
    const auto* record = state.registration(life);
    if (record == nullptr) return unproved("it never registered at the volumes in this life");
    if (record->open) return unproved("it had not come to the end of registering at all volumes");
    return state.modified(registration_key(life.member));
}

}  // namespace ssi::cluster
