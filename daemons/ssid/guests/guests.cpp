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
        keep_first(co_await release(guest, run));
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

    std::erase_if(unguarded_, [&](const RunId& run) {
        return !starting_.contains(run) && std::ranges::none_of(view_.state().residencies(), [&](const auto& entry) {
            return entry.second.value.run == run;
        });
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

/// Its QEMU is gone, or never came.
boost::asio::awaitable<Result<void>> Guests::release(GuestName guest, RunId run) {
    const auto runs = co_await runs_unseen(guest, run);
    if (!runs || *runs) co_return runs.transform([](bool) {});
    const auto image = saved_image(guest);
    if (!image) co_return std::unexpected(image.error());
    co_return co_await view_.commit(
        [&](const ClusterState& state) { return decide_release(state, guest, run, *image); });
}

/// A start whose QEMU the guard has not seen runs nowhere, unless libvirt did not ask the guard.
boost::asio::awaitable<Result<bool>> Guests::runs_unseen(GuestName guest, RunId run) {
    const auto* residency = view_.state().residency(guest);
    if (residency == nullptr || residency->run != run || residency->phase != Phase::kStarting) co_return false;
    if (!doors_are_asked()) unguarded_.insert(run);
    if (!unguarded_.contains(run)) co_return false;
    const auto domains = co_await hypervisor_.domains();
    if (!domains) co_return std::unexpected(domains.error());
    const auto here = std::ranges::find(*domains, guest, &DomainInfo::name);
    co_return here != domains->end() && here->state != DomainState::kShutOff;
}

/// Of those that are said to be here.
boost::asio::awaitable<Result<void>> Guests::forget_removed_images() {
    std::vector<GuestName> removed;
    for (const auto& [guest, saved] : view_.state().saved_guests())
        if (saved.value.member == membership_.own() && saved_image(guest) == "") removed.push_back(guest);
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
    if (!life || !membership_.has_majority() || view_.state().maintenance(life->member) != nullptr ||
        view_.state().open_doors(*life) != nullptr)
        return;
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
