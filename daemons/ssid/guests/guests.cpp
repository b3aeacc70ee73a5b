#include "daemons/ssid/guests/guests.hpp"

#include <algorithm>
#include <chrono>
#include <format>
#include <ranges>
#include <utility>
#include <vector>

#include "daemons/ssid/gate/spawn.hpp"
#include "daemons/ssid/state/guest_rules.hpp"
#include "daemons/ssid/state/relocation_rules.hpp"
#include "daemons/ssid/state/saved_state_rules.hpp"
#include "lib/common/log.hpp"
#include "lib/common/mutation.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;

/// How long a QEMU that was handed over may stay before it is killed here: libvirt ends it itself when its part of the
/// migration is complete.
constexpr auto kStrayGrace = 10s;

std::unexpected<Error> not_joined(const MemberName& member) {
    return failure(ErrorCode::kMemberNotJoined,
                   std::format("{} is not Joined, so nothing is started on it", member.str()), member.str(),
                   "ssictl query ssi shows why; wait until it is Joined and try again");
}

/// Those that are resident anywhere, the most important ones first.
std::vector<GuestName> by_priority(const ClusterState& state) {
    std::vector<GuestName> guests;
    for (const auto& guest : state.residencies() | std::views::keys) guests.push_back(guest);
    std::ranges::stable_sort(guests, std::ranges::greater{},
                             [&](const GuestName& guest) { return state.policy(guest).priority; });
    return guests;
}

}  // namespace

Guests::Guests(Membership& membership, PeerWatch& watch, ClusterView& view, GuardLink& guard, Hypervisor& hypervisor,
               const TimingConfig& timing, Clock& clock, const boost::asio::any_io_executor& executor)
    : membership_(membership),
      watch_(watch),
      view_(view),
      guard_(guard),
      hypervisor_(hypervisor),
      timing_(timing),
      clock_(clock),
      executor_(executor),
      poked_(executor) {}

/// The residency of a guest that is being moved to this life.
const Residency* Guests::incoming(const GuestName& guest) const {
    const auto& life = membership_.life();
    const auto* residency = view_.state().residency(guest);
    return life && residency != nullptr && residency->relocation && residency->relocation->to == *life ? residency
                                                                                                       : nullptr;
}

/// The cluster counts this run as Running here, and nobody moves it.
bool Guests::rests_here(const Right& right) const {
    const auto* residency = view_.state().residency(right.guest);
    return residency != nullptr && residency->phase == Phase::kRunning && residency->run == right.run &&
           !is_moving(right.guest);
}

boost::asio::awaitable<Result<void>> Guests::hook(HookRequest request) {
    const auto& operation = request.operation;
    if (operation == "migrate") co_return co_await announce_incoming(request.guest);
    if (operation == "restore") {
        restoring_.insert(request.guest);
        co_return Result<void>{};
    }
    if (operation == "prepare" && request.suboperation == "begin") co_return co_await prepare(std::move(request));
    if (operation == "release") co_return co_await start_was_given_up(request.guest);
    // start, started, stopped, reconnect: the guard's door or the prepare that follows decides; refusing here
    // would only come too late, or kill a running guest (SAFETY 21).
    poke();
    co_return Result<void>{};
}

boost::asio::awaitable<Result<void>> Guests::prepare(HookRequest request) {
    const auto life = membership_.life();
    if (!life) co_return not_joined(membership_.own());
    // The same call comes for a cold start, a restore and an incoming guest (R1): only what `migrate begin` announced
    // is let in by the token of a relocation, everything else must win a residency.
    const auto* residency = incoming(request.guest);
    // Whichever prepare comes first uses up both announcements: of a restore and an incoming guest at once, which are
    // not told apart here, neither gets the token.
    const bool is_restore = restoring_.erase(request.guest) > 0;
    const bool is_announced = residency != nullptr && announced_.erase(residency->relocation->run) > 0;
    if (is_announced && !is_restore) co_return co_await admit_incoming(request.guest);

    auto definition = parse_domain_xml(request.xml);
    if (!definition) co_return std::unexpected(definition.error());
    // libvirt starts from a managed save image whenever there is one. It comes to this whether or not the `restore`
    // before was heard.
    if (has_saved_image(request.guest))
        if (auto may = may_restore(view_.state(), request.guest, definition->record.uuid, membership_.own()); !may)
            co_return may;
    const auto run = RunId::random();
    starting_.insert(run);
    if (mutated(Mutation::kRightBeforeCommit))
        co_return co_await guard_.grant(request.guest, definition->record.uuid, run, RightKind::kStart,
                                        timing_.right_lifetime);
    auto result = co_await view_.commit([start = StartRequest{request.guest, *life, run, definition->record}](
                                            const ClusterState& state) { return decide_start(state, start); });
    if (result)
        result = co_await guard_.grant(request.guest, definition->record.uuid, run, RightKind::kStart,
                                       timing_.right_lifetime);
    starting_.erase(run);
    // What was committed without a right, or granted without an answer, is found and undone by reconcile().
    poke();
    co_return result;
}

boost::asio::awaitable<Result<void>> Guests::announce_incoming(GuestName guest) {
    // So that an image that is here when a guest ends here is of that very run, and that no restore is taken for it.
    if (has_saved_image(guest)) co_return stale_image(guest, membership_.own(), "it is not moved there");
    // BeginRelocation is committed before libvirt is called, but this mirror may be a little behind.
    const auto deadline = clock_.now() + timing_.hook * 3 / 4;
    while (incoming(guest) == nullptr && clock_.now() < deadline) {
        const auto seen = view_.changed().count();
        co_await clock_.wait_change(view_.changed(), seen, deadline - clock_.now());
    }
    const auto* residency = incoming(guest);
    if (residency == nullptr)
        co_return failure(ErrorCode::kNoRight,
                          std::format("guest {} is not being relocated to this member by the cluster", guest.str()),
                          guest.str(), std::format("ssictl relocate move {} {}", guest.str(), membership_.own().str()));
    announced_.insert(residency->relocation->run);
    co_return Result<void>{};
}

boost::asio::awaitable<Result<void>> Guests::admit_incoming(GuestName guest) {
    const auto* residency = incoming(guest);
    const auto relocation = *residency->relocation;
    if (relocation.abort_requested || cancelled_.contains(relocation.run) || view_.state().is_over(residency->home))
        co_return failure(ErrorCode::kRelocationCancelled,
                          std::format("the relocation of guest {} is being undone", guest.str()), guest.str());
    co_return co_await guard_.grant(guest, residency->uuid, relocation.run, RightKind::kIncoming,
                                    timing_.right_lifetime);
}

boost::asio::awaitable<Result<void>> Guests::start_was_given_up(GuestName guest) {
    // libvirt calls this also after a refused start of a guest that runs elsewhere: only a right of our own, not yet
    // used by any QEMU, is taken back, by its run (SAFETY 18). An announced restore stays announced: this end may be
    // that of another start.
    auto rights = co_await guard_.rights();
    if (rights) {
        for (const auto& right : *rights) {
            if (right.guest != guest || right.kind != RightKind::kStart || right.state != RightState::kGranted)
                continue;
            if (auto revoked = co_await guard_.revoke(guest, right.run, false); !revoked)
                log::warning("cannot take back a right", revoked.error());
        }
    }
    poke();
    co_return Result<void>{};
}

boost::asio::awaitable<void> Guests::run() {
    while (true) {
        const auto seen = poked_.count();
        auto done = co_await reconcile();
        if (!done) log::warning("guests and cluster do not agree yet", done.error());
        if (poked_.count() == seen) co_await clock_.wait_change(poked_, seen, done ? timing_.beat * 2 : 200ms);
    }
}

boost::asio::awaitable<Result<void>> Guests::reconcile() {
    const auto life = membership_.life();
    if (!life) co_return Result<void>{};
    Result<void> result;
    const auto keep_first = [&result](Result<void> step) {
        if (!step && result) result = std::move(step);
    };
    // First, since the guests of others do not depend on our guard.
    keep_first(co_await place_orphans());

    // Taken before the guard is asked: a start that is completed meanwhile is not missed in an answer older than it,
    // and what it says of a guest whose destination is lost is newer than that loss.
    std::vector<std::pair<GuestName, RunId>> expected;
    std::map<RunId, RunId> lost_tokens;
    for (const auto& [guest, residency] : view_.state().residencies()) {
        const auto& value = residency.value;
        const bool is_ours = value.home == *life || mutated(Mutation::kReleaseByNameAlone);
        if (!is_ours || value.phase == Phase::kPending || starting_.contains(value.run)) continue;
        expected.emplace_back(guest, value.run);
        if (value.relocation && view_.state().is_over(value.relocation->to))
            lost_tokens.emplace(value.run, value.relocation->run);
    }

    auto rights = co_await guard_.rights();
    if (!rights) co_return std::unexpected(rights.error());
    for (const auto& [guest, run] : expected) {
        if (std::ranges::find(*rights, run, &Right::run) != rights->end()) continue;
        const bool is_saved = has_saved_image(guest);
        keep_first(co_await view_.commit(
            [&](const ClusterState& state) { return decide_release(state, guest, run, is_saved); }));
    }
    for (const auto& right : *rights)
        if (const auto lost = lost_tokens.find(right.run); lost != lost_tokens.end())
            keep_first(co_await take_back(right, lost->second));
        else
            keep_first(co_await reconcile_right(right));
    for (auto* since : {&stray_since_, &restarted_since_})
        std::erase_if(*since, [&](const auto& entry) {
            return std::ranges::find(*rights, entry.first, &Right::run) == rights->end();
        });

    std::vector<std::pair<GuestName, Relocation>> arriving;
    for (const auto& [guest, residency] : view_.state().residencies())
        if (incoming(guest) != nullptr) arriving.emplace_back(guest, *residency.value.relocation);
    for (const auto& [guest, relocation] : arriving) {
        const auto right = std::ranges::find(*rights, relocation.run, &Right::run);
        const bool is_here =
            right != rights->end() && (right->state == RightState::kAcquired || right->state == RightState::kReleased ||
                                       right->state == RightState::kLost);
        const auto* residency = incoming(guest);
        if (residency == nullptr) continue;
        if (is_here || relocation.abort_requested || view_.state().is_over(residency->home))
            keep_first(co_await resolve_incoming(guest, relocation));
    }
    keep_first(co_await forget_removed_images());
    start_pending();
    co_return result;
}

/// Of those that are said to be here.
boost::asio::awaitable<Result<void>> Guests::forget_removed_images() {
    std::vector<GuestName> removed;
    for (const auto& [guest, saved] : view_.state().saved_guests())
        if (saved.value.member == membership_.own() && !has_saved_image(guest)) removed.push_back(guest);
    for (const auto& guest : removed) {
        auto forgotten = co_await view_.commit([&](const ClusterState& state) -> Result<Transaction> {
            const auto* saved = state.saved(guest);
            if (saved == nullptr || saved->member != membership_.own()) return Transaction{};
            return decide_discard(state, guest);
        });
        if (!forgotten) co_return forgotten;
    }
    co_return Result<void>{};
}

boost::asio::awaitable<Result<void>> Guests::reconcile_right(Right right) {
    if (starting_.contains(right.run)) co_return Result<void>{};
    const auto& life = membership_.life();
    const auto* residency = view_.state().residency(right.guest);
    if (life && residency != nullptr && residency->home == *life && residency->run == right.run)
        co_return co_await reconcile_home(right, *residency);
    if (const auto* arriving = incoming(right.guest); arriving != nullptr && arriving->relocation->run == right.run)
        co_return Result<void>{};
    co_return co_await reconcile_stray(right);
}

boost::asio::awaitable<Result<void>> Guests::reconcile_home(Right right, Residency residency) {
    if (right.state == RightState::kLost) co_return co_await restart_lost(right);
    if (residency.phase == Phase::kStarting && right.state != RightState::kGranted)
        co_return co_await view_.commit(
            [&](const ClusterState& state) { return decide_running(state, right.guest, right.run); });
    const bool paused = right.state == RightState::kHandedOver || right.state == RightState::kReleased;
    if (residency.restarts > 0 && !paused && residency.phase == Phase::kRunning) {
        const auto since = restarted_since_.try_emplace(right.run, clock_.now()).first->second;
        if (clock_.now() - since >= kSettled)
            co_return co_await view_.commit(
                [&](const ClusterState& state) { return decide_settled(state, right.guest, right.run); });
    }
    if (!rests_here(right) || !paused) co_return Result<void>{};
    // Paused by its administrator, or left so by a move that was undone: libvirt knows which (SAFETY 22).
    auto domains = co_await hypervisor_.domains();
    if (!domains) co_return std::unexpected(domains.error());
    const auto domain = std::ranges::find(*domains, right.guest, &DomainInfo::name);
    if (domain == domains->end() || domain->migrating_out || domain->state != DomainState::kPausedByMigration)
        co_return Result<void>{};
    if (!rests_here(right)) co_return Result<void>{};  // A new move may have begun meanwhile.
    if (auto kept = co_await guard_.keep(right.guest, right.run); !kept) co_return kept;
    log::notice(std::format("guest {} goes on here: its relocation was undone", right.guest.str()),
                {{"SSI_GUEST", right.guest.str()}});
    co_return co_await hypervisor_.resume(right.guest);
}

/// The guard killed it when our lease ran out: it did not end by itself, so it is started again where it can be.
boost::asio::awaitable<Result<void>> Guests::restart_lost(Right right) {
    auto committed = co_await view_.commit(
        [&](const ClusterState& state) { return decide_lost(state, right.guest, right.run, membership_.own()); });
    if (!committed) co_return committed;
    const auto* residency = view_.state().residency(right.guest);
    if (residency != nullptr && residency->run == right.run && !residency->relocation)
        co_return Result<void>{};  // Nobody there to take it yet: it is not forgotten.
    co_return co_await guard_.revoke(right.guest, right.run, false);
}

boost::asio::awaitable<Result<void>> Guests::reconcile_stray(Right right) {
    if (right.state == RightState::kGranted || right.state == RightState::kLost)
        co_return co_await guard_.revoke(right.guest, right.run, false);
    // R1: the cluster does not count on this QEMU. One that was paused for a move may stay for libvirt to end, unless
    // the guest is to be started anew here: its new home has died.
    const auto since = stray_since_.try_emplace(right.run, clock_.now()).first->second;
    const bool paused = right.state == RightState::kHandedOver || right.state == RightState::kRegistered;
    const auto& life = membership_.life();
    const auto* residency = view_.state().residency(right.guest);
    const bool is_in_the_way =
        life && residency != nullptr && residency->phase == Phase::kPending && residency->home == *life;
    if (paused && !is_in_the_way && clock_.now() - since < kStrayGrace) co_return Result<void>{};
    log::error(std::format("guest {} has a QEMU here that the cluster knows nothing of: killing it", right.guest.str()),
               {{"SSI_GUEST", right.guest.str()}});
    co_return co_await guard_.revoke(right.guest, right.run, true);
}

boost::asio::awaitable<Result<void>> Guests::resolve_incoming(GuestName guest, Relocation relocation) {
    // SAFETY 22: under the door's lock either this run may never run, or it does already. No grant comes after this.
    cancelled_.insert(relocation.run);
    auto outcome = co_await guard_.cancel(guest, relocation.run);
    if (!outcome) co_return std::unexpected(outcome.error());
    const bool done = *outcome == CancelOutcome::kAcquired;
    auto committed = co_await view_.commit([&](const ClusterState& state) {
        return done ? decide_done(state, guest, relocation.run) : decide_abort(state, guest, relocation.run);
    });
    if (!committed && done && mutated(Mutation::kTimeoutTakenForFailure)) {
        static_cast<void>(co_await guard_.revoke(guest, relocation.run, true));
        committed = co_await view_.commit(
            [&](const ClusterState& state) { return decide_abort(state, guest, relocation.run); });
    }
    if (!committed) co_return committed;
    cancelled_.erase(relocation.run);
    log::notice(std::format("relocation of guest {} to this member: {}", guest.str(), done ? "done" : "undone"),
                {{"SSI_GUEST", guest.str()}});
    co_return committed;
}

/// The destination is dead, and did not say Done or Abort (SAFETY 22).
boost::asio::awaitable<Result<void>> Guests::take_back(Right right, RunId token) {
    // Not handed over yet: it never ran there, and goes on here.
    if (right.state != RightState::kHandedOver && right.state != RightState::kLost)
        co_return co_await view_.commit(
            [&](const ClusterState& state) { return decide_abort(state, right.guest, token); });
    // R3: it may have run there and written to its disks. What the memory here knows of them is then old, and going on
    // with it would destroy them; starting anew never does. Its end here, once noted, makes it an orphan.
    log::error(std::format("guest {} was handed over to a member that died: it is started anew", right.guest.str()),
               {{"SSI_GUEST", right.guest.str()}});
    co_return co_await guard_.revoke(right.guest, right.run, true);
}

boost::asio::awaitable<Result<void>> Guests::place_orphans() {
    if (!watch_.is_coordinator(view_.state())) co_return Result<void>{};
    Result<void> result;
    for (const auto& guest : by_priority(view_.state())) {
        auto placed = co_await view_.commit([&](const ClusterState& state) { return decide_orphan(state, guest); });
        if (!placed && result) result = placed;
    }
    co_return result;
}

void Guests::start_pending() {
    const auto& life = membership_.life();
    if (!life || !membership_.has_majority() || view_.state().maintenance(life->member) != nullptr) return;
    for (const auto& guest : by_priority(view_.state())) {
        const auto& value = *view_.state().residency(guest);
        if (value.phase != Phase::kPending || value.home != *life || value.attempts >= kMaxAttempts) continue;
        if (restarting_.insert(guest).second) gate::spawn(executor_, start_one(guest, *life));
    }
}

boost::asio::awaitable<void> Guests::start_one(GuestName guest, MemberLife at) {
    const auto* definition = view_.state().definition(guest);
    const auto xml = definition == nullptr ? std::string() : definition->xml;
    log::notice(std::format("restarting guest {} on this member", guest.str()), {{"SSI_GUEST", guest.str()}});
    auto started = co_await hypervisor_.start(at.member, guest, xml);
    if (!started) {
        log::error(std::format("guest {} could not be restarted", guest.str()), started.error());
        auto noted = co_await view_.commit(
            [&](const ClusterState& state) { return decide_start_failed(state, guest, at, started.error().what); });
        if (!noted) log::warning("cannot pass the restart on", noted.error());
        co_await clock_.sleep(1s);
    }
    restarting_.erase(guest);
    poke();
}

}  // namespace ssi::cluster
