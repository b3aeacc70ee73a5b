#include "daemons/ssid/witness_facts.hpp"

#include <algorithm>
#include <filesystem>
#include <format>
#include <utility>

#include "daemons/ssid/engine/voter_status.hpp"
#include "daemons/ssid/fencing/switch_off.hpp"
#include "daemons/ssid/membership/voter_standing.hpp"
#include "daemons/ssid/state/member_rules.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {

using namespace std::chrono_literals;
using boost::asio::awaitable;

namespace {

std::filesystem::path witness_socket() {
    return WitnessPlaces{}.working_directory / "client:1";
}

}  // namespace

WitnessFacts::WitnessFacts(Sources sources)
    : of_(std::move(sources)), calls_(of_.executor, 1), fences_(fence_chain(of_.config)) {}

/// What was seen of it on the PDR: the engine's sign of it cannot be seen without a majority.
HolderSigns WitnessFacts::signs_of(const MemberName& holder) const {
    const auto now = of_.clock.now();
    HolderSigns signs;
    // Its other sign cannot be heard here: longer than T_fence, for a slow path alone shall not end a member. The
    // witness is dead by then, whatever becomes of its member (SAFETY 9).
    signs.is_silent = of_.pdr.stands_still(holder, now, of_.config.timing.lease + of_.config.timing.beat);
    signs.dead_after = of_.pdr.dead_after(holder);
    const auto* slot = of_.pdr.slot(holder);
    if (signs.dead_after && slot != nullptr && of_.pdr.is_dead_by_time({holder, slot->incarnation}, now))
        signs.still = *signs.dead_after;
    return signs;
}

std::optional<VoterStanding> WitnessFacts::standing(const WitnessKeeper& keeper) const {
    if (!keeper.has_areas()) return std::nullopt;
    const auto& lock = keeper.lock();
    if (!lock || !lock->witness) return VoterStanding::kUnknown;
    const auto& state = of_.view.state();
    const auto& seats = of_.voters.seats();
    const auto& holder = *lock->witness;
    const auto life = state.joined_life(holder.member);
    const bool lives = life && life->incarnation == holder.incarnation && state.fence(holder.member) == nullptr &&
                       !of_.watch.unheard().contains(holder.member);
    if (!lives) return VoterStanding::kUnknown;
    // Its data are nowhere, and yet it has voted: it can never do so again.
    if (!lock->data && witness_seat(seats) == WitnessSeat::kUsed) return VoterStanding::kGone;
    // Until it votes it is enough that its holder lives, who will start it.
    const auto seat = std::ranges::find(seats, VoterKind::kWitness, &Seat::kind);
    if (seat == seats.end() || seat->is_learner) return VoterStanding::kLive;
    const auto* slot = of_.pdr.slot(holder.member);
    return slot != nullptr && slot->serves_witness ? VoterStanding::kLive : VoterStanding::kUnknown;
}

std::optional<WitnessKeeper::ClusterFacts> WitnessFacts::of_majority(const pdr::LockRecord& lock, int areas) const {
    if (!of_.membership.has_majority()) return std::nullopt;
    const auto& state = of_.view.state();
    const auto& seats = of_.voters.seats();
    auto members = voter_candidates(of_.config, state, of_.watch.unheard());
    std::erase_if(members, [&](const auto& member) { return of_.config.find(member.name)->slot.number() > areas; });
    WitnessKeeper::ClusterFacts facts{.home = witness_home(members, seats), .seat = witness_seat(seats)};
    facts.should_move = should_move(of_.membership.own(), members, seats);
    const auto* holder = lock.witness ? state.member(lock.witness->member) : nullptr;
    facts.holder_is_gone =
        holder != nullptr && holder->state == MemberState::kDown && holder->incarnation == lock.witness->incarnation;
    return facts;
}

awaitable<Result<EtcdStart>> WitnessFacts::joining() const {
    const auto list = co_await of_.engine.voters();
    if (!list) co_return std::unexpected(list.error());
    // R3: what is known of the seat may be old, and what has voted never begins anew. This list is not old, and no
    // witness runs that could get a vote meanwhile.
    if (witness_seat(seats_of(*list, of_.config)) != WitnessSeat::kFresh)
        co_return failure(ErrorCode::kConflict, "the witness's seat is not that of a voter that never ran",
                          kWitnessName, "none is needed: it is looked at again");
    co_return joining_start(*list);
}

awaitable<Result<std::optional<LogReport>>> WitnessFacts::log(const WitnessKeeper& keeper, std::uint64_t lineage) {
    if (!keeper.volume() || !of_.config.pdr.witness) co_return witness_log_here({}, lineage);
    ReadWitnessArea read_area = [this, volume = keeper.volume(), lineage](MemberSlot from) {
        return witness_log_in_area(calls_, volume, from, "/var/lib/ssi/witness-log", lineage);
    };
    const WitnessPlaces places;
    co_return co_await witness_log(places, lineage, keeper.lock(), std::move(read_area));
}

/// SAFETY 4: its log is on a disk that is farther away than a member's, and its member has one more reason to end it.
/// To our own voter, which we know to be near, or to any that lives.
awaitable<void> WitnessFacts::hand_leadership_on() {
    // Etcd takes no change while it waits for the heir: not again and again.
    if (of_.clock.now() < next_handing_on_) co_return;
    next_handing_on_ = of_.clock.now() + 2 * of_.config.timing.lease;
    const auto members = voter_candidates(of_.config, of_.view.state(), of_.watch.unheard());
    const Seat* heir = nullptr;
    for (const auto& seat : of_.voters.seats()) {
        const auto votes = seat.kind == VoterKind::kMember && !seat.is_learner && seat.is_started && !seat.is_lost;
        const auto member = std::ranges::find(members, seat.member, &VoterCandidate::name);
        const bool lives = member != members.end() && member->standing == VoterStanding::kLive;
        if (votes && lives && (heir == nullptr || seat.member == of_.membership.own())) heir = &seat;
    }
    if (heir == nullptr) co_return;
    const auto name = heir->member;
    const auto done = co_await hand_leadership_to(heir->id, of_.executor, witness_socket(), 1s);
    if (done)
        log::info(std::format("the witness led the engine's voters: {} leads now", name.str()));
    else
        log::info("the witness leads the engine's voters still: " + done.error().text());
}

void WitnessFacts::serve(WitnessKeeper& keeper, RecordedVerdicts* recorded) {
    recorded_ = recorded;
    keeper.cluster = [this](const pdr::LockRecord& lock, int areas) { return of_majority(lock, areas); };
    keeper.signs = [this](const MemberName& holder) { return signs_of(holder); };
    keeper.may_fence = [this](const MemberName& target) { return may_fence(of_.view.state(), target); };
    keeper.cut_power = [this](const MemberName& target) {
        return switch_off(fences_, target,
                          [this, target] { return signs_of(target).is_silent && may_fence(of_.view.state(), target); });
    };
    keeper.is_recorded_off = [this](const pdr::LockRecord& lock) {
        return recorded_ != nullptr && recorded_->is_off(lock);
    };
    keeper.record_off = [this](const MemberName& target) -> awaitable<Result<void>> {
        if (recorded_ == nullptr) co_return Result<void>{};
        co_return co_await recorded_->record(target, pdr::ProofKind::kFenceAgent);
    };
    keeper.joining = [this] { return joining(); };
    keeper.serves = [this]() -> awaitable<bool> {
        const auto status = co_await ask_voter(of_.executor, witness_socket(), 1s);
        if (status && status->leader == status->id) co_await hand_leadership_on();
        co_return status.has_value();
    };
    keeper.life = [this] { return of_.membership.life() ? of_.membership.life()->incarnation : Incarnation{}; };
    keeper.has_left = [this] { return of_.membership.has_left(); };
}

}  // namespace ssi::cluster
