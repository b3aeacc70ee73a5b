#include "daemons/ssid/state/lone_rules.hpp"

#include <algorithm>
#include <format>

namespace ssi::cluster {

bool is_alone(const ClusterState& state, const MemberLife& life) {
    if (state.joined_life(life.member) != life || state.transition() != nullptr) return false;
    return std::ranges::all_of(state.members(), [&](const auto& entry) {
        return entry.first == life.member || entry.second.value.state == MemberState::kDown;
    });
}

Result<Transaction> decide_lone(const ClusterState& state, const MemberLife& life) {
    if (state.lone() != nullptr && *state.lone() == life) return Transaction{};
    if (!is_alone(state, life))
        return failure(ErrorCode::kConflict, std::format("{} is not alone", life.member.str()), life.member.str());
    // Who has no record yet begins with the transition, as everybody who joins.
    Transaction transaction{{unchanged(state, lone_key()), unchanged(state, transition_key())},
                            {{lone_key(), encode(LoneRecord{life})}}};
    for (const auto& [name, record] : state.members())
        transaction.conditions.push_back(unchanged(state, member_key(name)));
    return transaction;
}

Result<Transaction> decide_not_lone(const ClusterState& state, const MemberLife& life) {
    if (state.lone() == nullptr || *state.lone() != life) return Transaction{};
    return Transaction{{unchanged(state, lone_key())}, {{lone_key(), std::nullopt}}};
}

}  // namespace ssi::cluster
