#include "daemons/ssid/state/guest_rules.hpp"

#include <algorithm>
#include <cstdlib>
#include <format>
#include <iterator>
#include <map>
#include <tuple>
#include <utility>

#include "daemons/ssid/state/member_rules.hpp"
#include "daemons/ssid/state/record_keys.hpp"
#include "daemons/ssid/state/saved_state_rules.hpp"
#include "lib/common/mutation.hpp"

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
    if (state.is_over(residency.home) && state.maintenance(residency.home.member) != nullptr)
        return failure(ErrorCode::kMemberInMaintenance,
                       std::format("guest {} ran on {}, which is down and in maintenance", guest, member), guest,
                       "ssictl maintenance off " + member);
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

std::int64_t memory_of(const ClusterState& state, const GuestName& guest) {
    const auto* definition = state.definition(guest);
    return definition == nullptr ? 0 : definition->memory_mib;
}

/// What this life would have free when all that are on their way to it, but for `guest`, have started.
std::optional<std::int64_t> memory_left(const ClusterState& state, const MemberLife& life, const GuestName& guest) {
    const auto* capacity = state.capacity(life);
    if (capacity == nullptr) return std::nullopt;
    auto left = capacity->free_mib;
    for (const auto& [other, residency] : state.residencies()) {
        const auto& value = residency.value;
        const bool starts = value.home == life && (value.phase == Phase::kPending || value.phase == Phase::kStarting);
        const bool arrives = value.relocation && value.relocation->to == life;
        if (other != guest && (starts || arrives)) left -= memory_of(state, other);
    }
    return left;
}

Transaction set_residency(const ClusterState& state, const GuestName& guest, std::optional<Residency> residency) {
    std::optional<std::string> value;
    if (residency) value = encode(*residency);
    return {{unchanged(state, residency_key(guest))}, {{residency_key(guest), std::move(value)}}};
}

/// Of different keys.
Transaction both(Transaction one, const Transaction& other) {
    std::ranges::copy(other.conditions, std::back_inserter(one.conditions));
    std::ranges::copy(other.writes, std::back_inserter(one.writes));
    return one;
}

}  // namespace

Transaction restart_or_forget(const ClusterState& state, const GuestName& guest, const Residency& residency,
                              const std::string& why) {
    // An operator works on the member: its guests wait for the end of that.
    const auto& home = residency.home.member;
    const bool has_ended_there = residency.phase != Phase::kPending && state.is_over(residency.home);
    if (has_ended_there && state.maintenance(home) != nullptr) return {};
    const auto policy = state.policy(guest);
    if (state.definition(guest) == nullptr || !policy.restart) return set_residency(state, guest, std::nullopt);
    const auto target = choose_member(state, guest, home);
    if (!target) return {};
    Residency next{residency.uuid, Phase::kPending, *target, RunId{}, {}, 0, why, residency.restarts};
    if (residency.phase != Phase::kPending) ++next.restarts;
    if (next.restarts > policy.limit) {
        next.attempts = kMaxAttempts;
        next.reason = std::format("{}, after {} restarts that did not last: not tried again", why, policy.limit);
    }
    auto transaction = set_residency(state, guest, next);
    transaction.conditions.push_back(unchanged(state, policy_key(guest)));
    // Not to a member that is leaving or being declared dead at this moment.
    transaction.conditions.push_back(unchanged(state, member_key(target->member)));
    transaction.conditions.push_back(unchanged(state, maintenance_key(target->member)));
    if (home != target->member) transaction.conditions.push_back(unchanged(state, maintenance_key(home)));
    return transaction;
}

Result<Transaction> decide_doors(const ClusterState& state, const MemberLife& life, const std::string& fault) {
    const auto* known = state.open_doors(life);
    if (state.joined_life(life.member) != life || (known == nullptr ? "" : known->fault) == fault) return Transaction{};
    std::optional<std::string> value;
    if (!fault.empty()) value = encode(DoorsRecord{life.incarnation, fault});
    return Transaction{{unchanged(state, member_key(life.member)), unchanged(state, doors_key(life.member))},
                       {{doors_key(life.member), std::move(value)}}};
}

Result<void> doors_let_in(const ClusterState& state, const MemberLife& life, const GuestName& guest) {
    const auto* open = state.open_doors(life);
    if (open == nullptr) return {};
    return failure(
        ErrorCode::kDoorsOpen,
        std::format("nothing new may run on {}, nor guest {}: {}", life.member.str(), guest.str(), open->fault),
        life.member.str(), "put it right there and restart libvirtd: ssictl query ssi");
}

Result<Transaction> decide_start(const ClusterState& state, const StartRequest& request) {
    const auto& guest = request.guest.str();
    if (auto let_in = doors_let_in(state, request.at, request.guest); !let_in) return std::unexpected(let_in.error());
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
    int restarts = 0;
    if (const auto* residency = state.residency(request.guest); residency != nullptr) {
        if (residency->run == request.run) return Transaction{};
        // Pending runs nowhere, so any member may take it; its own member loses the race and is refused.
        if (residency->phase != Phase::kPending) return refuse_start(state, request, *residency);
        // Of one that is tried no more this is an operator's start.
        if (residency->attempts < kMaxAttempts) restarts = residency->restarts;
    }
    if (auto may = saved_state_lets_start(state, request.guest, request.definition.uuid, request.at.member); !may)
        return std::unexpected(may.error());
    // libvirt starts from a managed save image whenever there is one.
    if (!request.image.empty())
        if (auto may = may_restore(state, request.guest, request.definition.uuid, request.at.member, request.image);
            !may)
            return std::unexpected(may.error());
    // R1: libvirt lets a definition be renamed on one member while the guest runs on another under its first name.
    for (const auto& [other, residency] : state.residencies())
        if (residency.value.uuid == request.definition.uuid && other != request.guest)
            return failure(ErrorCode::kGuestUuidDiffers,
                           std::format("guest {} has the UUID of guest {}, which is on {}", guest, other.str(),
                                       residency.value.home.member.str()),
                           guest, std::format("shut {} down first, or give {} another UUID", other.str(), guest));
    const Residency residency{
        request.definition.uuid, Phase::kStarting, request.at, request.run, {}, 0, "", restarts, request.image};
    auto transaction = set_residency(state, request.guest, residency);
    for (const auto& key : {member_key(request.at.member), fence_key(request.at.member), doors_key(request.at.member),
                            directory_key(request.guest), saved_key(request.guest)})
        transaction.conditions.push_back(unchanged(state, key));
    // Changed by every start, so that of two starts of one UUID under two names only one commits.
    const auto uuid = uuid_key(request.definition.uuid);
    transaction.conditions.push_back(unchanged(state, uuid));
    transaction.writes.push_back({uuid, encode(UuidRecord{request.guest, request.run})});
    // The directory is changed where it is defined, not by what a start was given.
    if (known == nullptr || (known->version == 0 && *known != request.definition))
        transaction.writes.push_back({directory_key(request.guest), encode(request.definition)});
    return transaction;
}

Result<Transaction> decide_running(const ClusterState& state, const GuestName& guest, const RunId& run) {
    const auto* residency = state.residency(guest);
    if (residency == nullptr || residency->run != run || residency->phase != Phase::kStarting) return Transaction{};
    auto running = *residency;
    running.phase = Phase::kRunning;
    auto transaction = set_residency(state, guest, running);
    // What was saved is in its memory again, or void.
    if (const auto discarded = decide_discard(state, guest)) return both(std::move(transaction), *discarded);
    return transaction;
}

Result<Transaction> decide_release(const ClusterState& state, const GuestName& guest, const RunId& run,
                                   const std::string& image) {
    const auto* residency = state.residency(guest);
    if (residency == nullptr || run.empty()) return Transaction{};
    if (residency->run != run && !mutated(Mutation::kReleaseByNameAlone)) return Transaction{};
    if (!residency->relocation) {
        auto released = set_residency(state, guest, std::nullopt);
        if (!is_saved_by(*residency, image)) return released;
        const SavedRecord saved{residency->uuid, residency->home.member, run, image};
        return both(std::move(released), decide_saved(state, guest, saved));
    }
    if (residency->relocation->source_ended) return Transaction{};
    auto next = *residency;
    next.relocation->source_ended = true;
    next.relocation->abort_requested = true;
    if (is_saved_by(*residency, image)) next.relocation->source_image = image;
    return set_residency(state, guest, next);
}

Result<Transaction> decide_lost(const ClusterState& state, const GuestName& guest, const RunId& run,
                                const MemberName& member) {
    const auto* residency = state.residency(guest);
    if (residency == nullptr || run.empty() || residency->run != run) return Transaction{};
    if (!residency->relocation)
        return restart_or_forget(state, guest, *residency, std::format("{} lost its lease", member.str()));
    if (residency->relocation->source_lost) return Transaction{};
    auto next = *residency;
    next.relocation->source_ended = next.relocation->source_lost = true;
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
        const bool may_stay =
            state.may_take_guests(residency->home) && state.maintenance(residency->home.member) == nullptr;
        if (may_stay) return Transaction{};
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
    if (const auto other = choose_member(state, guest, at.member)) next.home = *other;
    return set_residency(state, guest, next);
}

Result<Transaction> decide_forget_pending(const ClusterState& state, const GuestName& guest) {
    const auto* residency = state.residency(guest);
    if (residency == nullptr || residency->phase != Phase::kPending)
        return failure(ErrorCode::kGuestNotRunning,
                       std::format("guest {} does not run and waits for no restart", guest.str()), guest.str());
    return set_residency(state, guest, std::nullopt);
}

std::optional<MemberLife> choose_member(const ClusterState& state, const GuestName& guest, const MemberName& avoid) {
    const auto policy = state.policy(guest);
    const auto needed = memory_of(state, guest);
    std::map<MemberName, int> guests;
    for (const auto& [name, residency] : state.residencies()) ++guests[residency.value.home.member];
    const auto rank = [&](const MemberLife& life) {
        const auto left = memory_left(state, life, guest);
        const auto preferred = std::ranges::find(policy.prefer, life.member) - policy.prefer.begin();
        return std::tuple(life.member == avoid, left && *left < needed, preferred, -left.value_or(0),
                          guests[life.member]);
    };
    std::optional<MemberLife> best;
    for (const auto& [name, record] : state.members()) {
        const MemberLife life{name, record.value.incarnation};
        if (!state.may_take_guests(life) || state.maintenance(name) != nullptr) continue;
        if (!best || rank(life) < rank(*best)) best = life;
    }
    return best;
}

Result<Transaction> decide_capacity(const ClusterState& state, const MemberLife& life, std::int64_t free_mib) {
    if (!state.joined_life(life.member) || state.joined_life(life.member) != life) return Transaction{};
    CapacityRecord now{life.incarnation, free_mib, 0};
    for (const auto& [guest, residency] : state.residencies())
        if (residency.value.home == life && residency.value.phase != Phase::kPending)
            now.guests_mib += memory_of(state, guest);
    const auto differs = [](std::int64_t one, std::int64_t other) { return std::abs(one - other) > kCoarseMib; };
    const auto* before = state.capacity(life);
    if (before != nullptr && !differs(before->free_mib, now.free_mib) && !differs(before->guests_mib, now.guests_mib))
        return Transaction{};
    return Transaction{{unchanged(state, member_key(life.member))}, {{capacity_key(life.member), encode(now)}}};
}

Result<Transaction> decide_settled(const ClusterState& state, const GuestName& guest, const RunId& run) {
    const auto* residency = state.residency(guest);
    if (residency == nullptr || residency->run != run || residency->phase != Phase::kRunning ||
        residency->restarts == 0)
        return Transaction{};
    auto settled = *residency;
    settled.restarts = 0;
    return set_residency(state, guest, settled);
}

Result<Transaction> decide_policy(const ClusterState& state, const GuestName& guest, const GuestPolicy& policy) {
    if (state.definition(guest) == nullptr && state.residency(guest) == nullptr)
        return failure(ErrorCode::kGuestUnknown, std::format("the cluster knows no guest {}", guest.str()), guest.str(),
                       "a guest is known once it is defined or started; ssictl guest list shows them");
    return Transaction{{unchanged(state, policy_key(guest))}, {{policy_key(guest), encode(policy)}}};
}

}  // namespace ssi::cluster
