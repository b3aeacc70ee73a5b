#include "daemons/ssid/state/relocation_rules.hpp"

#include <format>
#include <utility>

#include "daemons/ssid/state/guest_rules.hpp"
#include "daemons/ssid/state/member_rules.hpp"
#include "daemons/ssid/state/record_keys.hpp"
#include "daemons/ssid/state/saved_state_rules.hpp"

namespace ssi::cluster {
namespace {

const Residency* moving(const ClusterState& state, const GuestName& guest, const RunId& run) {
    const auto* residency = state.residency(guest);
    return residency != nullptr && residency->relocation && residency->relocation->run == run ? residency : nullptr;
}

Transaction set_residency(const ClusterState& state, const GuestName& guest, const Residency& residency) {
    return {{unchanged(state, residency_key(guest))}, {{residency_key(guest), encode(residency)}}};
}

}  // namespace

Result<Transaction> decide_begin_relocation(const ClusterState& state, const GuestName& guest, const MemberName& to,
                                            const RunId& run) {
    const auto& name = guest.str();
    const auto* residency = state.residency(guest);
    if (residency == nullptr)
        return failure(ErrorCode::kGuestNotRunning, std::format("guest {} runs nowhere", name), name,
                       "ssictl guest start " + name);
    if (residency->relocation && residency->relocation->run == run) return Transaction{};
    if (residency->phase != Phase::kRunning)
        return failure(ErrorCode::kGuestBusy, std::format("guest {} is {}", name, text_of(residency->phase)), name,
                       "wait and look again: ssictl guest show " + name);
    if (residency->home.member == to)
        return failure(ErrorCode::kGuestHereAlready, std::format("guest {} runs on {} already", name, to.str()), name);
    const auto target = state.joined_life(to);
    if (!target || !state.is_in_service(*target) || !state.is_in_service(residency->home))
        return failure(ErrorCode::kMemberNotJoined,
                       std::format("{} is not Joined",
                                   target && state.is_in_service(*target) ? residency->home.member.str() : to.str()),
                       to.str(), "ssictl query ssi shows the members that are");
    // At the source too: its lock door is what keeps the guest from going on there (SAFETY 22).
    for (const auto& life : {*target, residency->home})
        if (auto let_in = doors_let_in(state, life, guest); !let_in) return std::unexpected(let_in.error());
    auto next = *residency;
    next.phase = Phase::kRelocating;
    next.relocation = Relocation{*target, run};
    auto transaction = set_residency(state, guest, next);
    for (const auto& member : {to, residency->home.member}) {
        transaction.conditions.push_back(unchanged(state, member_key(member)));
        transaction.conditions.push_back(unchanged(state, fence_key(member)));
        transaction.conditions.push_back(unchanged(state, doors_key(member)));
    }
    return transaction;
}

Result<Transaction> decide_request_abort(const ClusterState& state, const GuestName& guest, const RunId& run) {
    const auto* residency = moving(state, guest, run);
    if (residency == nullptr || residency->relocation->abort_requested) return Transaction{};
    auto next = *residency;
    next.relocation->abort_requested = true;
    return set_residency(state, guest, next);
}

Result<Transaction> decide_done(const ClusterState& state, const GuestName& guest, const RunId& run) {
    const auto* residency = moving(state, guest, run);
    if (residency == nullptr) return Transaction{};
    const auto& relocation = *residency->relocation;
    auto done =
        set_residency(state, guest, {residency->uuid, Phase::kRunning, relocation.to, relocation.run, {}, 0, ""});
    done.writes.push_back({uuid_key(residency->uuid), encode(UuidRecord{guest, relocation.run})});
    return done;
}

Result<Transaction> decide_abort(const ClusterState& state, const GuestName& guest, const RunId& run) {
    const auto* residency = moving(state, guest, run);
    if (residency == nullptr) return Transaction{};
    auto next = *residency;
    const bool source_ended = next.relocation->source_ended;
    next.phase = Phase::kRunning;
    next.relocation.reset();
    if (residency->relocation->source_lost)
        return restart_or_forget(state, guest, next, std::format("{} lost its lease", next.home.member.str()));
    // The source's QEMU ended in order before the switch-over: the guest is off. If its member died, decide_orphan
    // finds it Running on a life that is over, and restarts it.
    if (source_ended) {
        const auto& image = residency->relocation->source_image;
        auto off =
            image.empty() ? Transaction{} : decide_saved(state, guest, {next.uuid, next.home.member, next.run, image});
        off.conditions.push_back(unchanged(state, residency_key(guest)));
        off.writes.push_back({residency_key(guest), std::nullopt});
        return off;
    }
    return set_residency(state, guest, next);
}

}  // namespace ssi::cluster
