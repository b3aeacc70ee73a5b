#include "daemons/ssid/state/guest_rules.hpp"

#include <algorithm>
#include <format>
#include <map>
#include <utility>

#include "daemons/ssid/state/member_rules.hpp"

namespace ssi::cluster {
namespace {

std::unexpected<Error> refuse_start(const ClusterState& state, const StartRequest& request,
                                    const Residency& residency) {
    const auto& guest = request.guest.str();
    const auto& member = residency.home.member.str();
    if (residency.phase == Phase::kRelocating)
        return failure(
            ErrorCode::kGuestBusy,
            std::format("guest {} is moving from {} to {}", guest, member, residency.relocation->to.member.str()),
            guest, "wait until the move has ended: ssictl relocate status " + guest);
    if (state.is_over(residency.home))
        return failure(ErrorCode::kGuestBusy,
                       std::format("guest {} ran on {}, which is down; its restart is being decided", guest, member),
                       guest, "wait and look again: ssictl guest show " + guest);
    if (residency.home.member == request.at.member)
        return failure(ErrorCode::kGuestBusy,
                       std::format("guest {} runs or is being started on this member, {}", guest, member), guest,
                       "ssictl guest show " + guest);
    return failure(ErrorCode::kGuestRunsElsewhere, std::format("guest {} runs on {}", guest, member), guest,
                   std::format("to move it here: ssictl relocate move {} {}", guest, request.at.member.str()));
}

Transaction set_residency(const ClusterState& state, const GuestName& guest, std::optional<Residency> residency) {
    std::optional<std::string> value;
    if (residency) value = encode(*residency);
    return {{unchanged(state, residency_key(guest))}, {{residency_key(guest), std::move(value)}}};
}

/// Nothing of it runs any more: restart policy and placement decide.
Transaction restart_or_forget(const ClusterState& state, const GuestName& guest, const Residency& residency,
                              const std::string& why) {
    const auto* definition = state.definition(guest);
    if (definition == nullptr || !definition->restart) return set_residency(state, guest, std::nullopt);
    const auto target = choose_member(state, residency.home.member);
    if (!target) return {};
    auto transaction =
        set_residency(state, guest, Residency{residency.uuid, Phase::kPending, *target, RunId{}, {}, 0, why});
    // Not to a member that is leaving or being declared dead at this moment.
    transaction.conditions.push_back(unchanged(state, member_key(target->member)));
    return transaction;
}

}  // namespace

Result<Transaction> decide_start(const ClusterState& state, const StartRequest& request) {
    const auto& guest = request.guest.str();
    if (!state.may_take_guests(request.at))
        return failure(ErrorCode::kMemberNotJoined,
                       std::format("{} is not Joined, so guest {} was not started", request.at.member.str(), guest),
                       guest, "ssictl query ssi shows why; wait until it is Joined and try again");
    const auto* known = state.definition(request.guest);
    if (known != nullptr && known->uuid != request.definition.uuid)
        return failure(ErrorCode::kGuestUuidDiffers,
                       std::format("the cluster knows guest {} with UUID {}, not {}", guest, known->uuid.str(),
                                   request.definition.uuid.str()),
                       guest, "give one of the two another name");
    if (const auto* residency = state.residency(request.guest); residency != nullptr) {
        if (residency->run == request.run) return Transaction{};
        // Pending runs nowhere, so any member may take it; its own member loses the race and is refused.
        if (residency->phase != Phase::kPending) return refuse_start(state, request, *residency);
    }
    // R1: libvirt lets a definition be renamed on one member while the guest runs on another under its first name.
    for (const auto& [other, residency] : state.residencies())
        if (residency.value.uuid == request.definition.uuid && other != request.guest)
            return failure(ErrorCode::kGuestUuidDiffers,
                           std::format("guest {} has the UUID of guest {}, which is on {}", guest, other.str(),
                                       residency.value.home.member.str()),
                           guest, std::format("shut {} down first, or give {} another UUID", other.str(), guest));
    const Residency residency{request.definition.uuid, Phase::kStarting, request.at, request.run, {}, 0, ""};
    auto transaction = set_residency(state, request.guest, residency);
    for (const auto& key : {member_key(request.at.member), fence_key(request.at.member), directory_key(request.guest)})
        transaction.conditions.push_back(unchanged(state, key));
    // Changed by every start, so that of two starts of one UUID under two names only one commits.
    const auto uuid = uuid_key(request.definition.uuid);
    transaction.conditions.push_back(unchanged(state, uuid));
    transaction.writes.push_back({uuid, encode_uuid_owner(request.guest)});
    if (known == nullptr || *known != request.definition)
        transaction.writes.push_back({directory_key(request.guest), encode(request.definition)});
    return transaction;
}

Result<Transaction> decide_running(const ClusterState& state, const GuestName& guest, const RunId& run) {
    const auto* residency = state.residency(guest);
    if (residency == nullptr || residency->run != run || residency->phase != Phase::kStarting) return Transaction{};
    auto running = *residency;
    running.phase = Phase::kRunning;
    return set_residency(state, guest, running);
}

Result<Transaction> decide_release(const ClusterState& state, const GuestName& guest, const RunId& run) {
    const auto* residency = state.residency(guest);
    if (residency == nullptr || run.empty() || residency->run != run) return Transaction{};
    if (!residency->relocation) return set_residency(state, guest, std::nullopt);
    if (residency->relocation->source_ended) return Transaction{};
    auto next = *residency;
    next.relocation->source_ended = true;
    next.relocation->abort_requested = true;
    return set_residency(state, guest, next);
}

Result<Transaction> decide_orphan(const ClusterState& state, const GuestName& guest) {
    const auto* residency = state.residency(guest);
    if (residency == nullptr) return Transaction{};
    const bool home_over = state.is_over(residency->home);
    const auto down = [](const MemberLife& life) { return std::format("{} is down", life.member.str()); };
    if (residency->phase == Phase::kRelocating) {
        const auto& relocation = *residency->relocation;
        if (!state.is_over(relocation.to)) return Transaction{};  // The destination lives: it says Done or Abort.
        // Proof of the destination's death (SAFETY 22). Only the source knows whether its QEMU may go on: it says
        // Abort, or ends it.
        if (home_over || relocation.source_ended)
            return restart_or_forget(state, guest, *residency, down(home_over ? residency->home : relocation.to));
        return Transaction{};
    }
    if (residency->phase == Phase::kPending) {
        if (state.may_take_guests(residency->home)) return Transaction{};
        return restart_or_forget(state, guest, *residency, residency->reason);
    }
    if (!home_over) return Transaction{};
    return restart_or_forget(state, guest, *residency, down(residency->home));
}

Result<Transaction> decide_start_failed(const ClusterState& state, const GuestName& guest, const MemberLife& at,
                                        const std::string& reason) {
    const auto* residency = state.residency(guest);
    if (residency == nullptr || residency->phase != Phase::kPending || residency->home != at) return Transaction{};
    auto next = *residency;
    next.attempts = std::min(next.attempts + 1, kMaxAttempts);
    next.reason = reason;
    if (const auto other = choose_member(state, at.member)) next.home = *other;
    return set_residency(state, guest, next);
}

Result<Transaction> decide_forget_pending(const ClusterState& state, const GuestName& guest) {
    const auto* residency = state.residency(guest);
    if (residency == nullptr || residency->phase != Phase::kPending)
        return failure(ErrorCode::kGuestNotRunning,
                       std::format("guest {} does not run and waits for no restart", guest.str()), guest.str());
    return set_residency(state, guest, std::nullopt);
}

std::optional<MemberLife> choose_member(const ClusterState& state, const MemberName& avoid) {
    std::map<MemberName, int> guests;
    for (const auto& [guest, residency] : state.residencies()) ++guests[residency.value.home.member];
    std::optional<MemberLife> best;
    for (const auto& [name, record] : state.members()) {
        const MemberLife life{name, record.value.incarnation};
        if (!state.may_take_guests(life)) continue;
        const auto rank = [&](const MemberName& member) { return std::pair(member == avoid, guests[member]); };
        if (!best || rank(name) < rank(best->member)) best = life;
    }
    return best;
}

}  // namespace ssi::cluster
