#include "daemons/ssid/fencing/fencing.hpp"

#include <format>
#include <optional>
#include <utility>

#include "daemons/ssid/fencing/covered_guests.hpp"
#include "daemons/ssid/gate/spawn.hpp"
#include "daemons/ssid/state/member_rules.hpp"
#include "daemons/ssid/state/record_keys.hpp"
#include "daemons/ssid/state/registration_rules.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {
using namespace std::chrono_literals;
constexpr auto kRetry = 1s;
}  // namespace

Fencing::Fencing(Membership& membership, PeerWatch& watch, ClusterView& view, std::vector<FenceStep> chain,
                 Clock& clock, const boost::asio::any_io_executor& executor, std::chrono::milliseconds beat,
                 const PdrWatch* pdr)
    : membership_(membership),
      watch_(watch),
      view_(view),
      chain_(std::move(chain)),
      clock_(clock),
      executor_(executor),
      beat_(beat),
      pdr_(pdr) {}

void Fencing::consider() {
    const auto& state = view_.state();
    // An intent of our own that a restart of ssid left open: nobody else takes it from a living member.
    for (const auto& [target, intent] : state.fences())
        if (intent.value.by == membership_.own()) begin(target, intent.value.alive);
    if (!watch_.is_coordinator(state)) return;
    for (const auto& target : watch_.silent())
        if (may_fence(state, target)) begin(target, state.modified(alive_key(target)));
}

void Fencing::begin(const MemberName& target, Revision alive_seen) {
    if (under_way_.insert(target).second) gate::spawn(executor_, fence(target, alive_seen));
}

boost::asio::awaitable<void> Fencing::fence(MemberName target, Revision alive_seen) {
    Result<void> result = failure(ErrorCode::kMemberNotJoined, "this member is not Joined");
    // An intent that was left open, by a restart or while we were cut off, says what was: what counts is what stands
    // still now (R4). It is withdrawn otherwise, which lets a target in that has booted meanwhile.
    if (!shows_no_sign(target)) {
        result =
            failure(ErrorCode::kMemberAlive,
                    std::format("{} has not been seen to stand still for long enough", target.str()), target.str());
    } else if (const auto life = membership_.life()) {
        log::warning(std::format("{} is silent: fencing it", target.str()), {{"SSI_MEMBER", target.str()}});
        result = co_await view_.commit([&, own = *life](const ClusterState& state) {
            const auto* intent = state.fence(target);
            return decide_fence(state,
                                {own, target, alive_seen, intent != nullptr && watch_.unheard().contains(intent->by)});
        });
    }
    if (result) {
        const auto* record = view_.state().member(target);
        const MemberLife life{target, record == nullptr ? Incarnation{} : record->incarnation};
        const auto proof = co_await prove_death(life, alive_seen);
        if (proof)
            result = co_await judge(target, *proof);
        else
            result = std::unexpected(proof.error());
    }
    if (!result) {
        log::error(std::format("{} could not be fenced", target.str()), result.error());
        auto withdrawn = co_await view_.commit(
            [&](const ClusterState& state) { return decide_fence_void(state, membership_.own(), target); });
        if (!withdrawn) log::warning("the intent to fence stays open", withdrawn.error());
        co_await clock_.sleep(kRetry);
    }
    under_way_.erase(target);
}

/// Now, for T_fence; or, of one that was not seen alive since this ssid began to look, for the whole silence.
bool Fencing::shows_no_sign(const MemberName& target) const {
    const auto now = clock_.now();
    return watch_.is_silent(target, now) || watch_.stands_still(view_.state(), target, now);
}

std::unexpected<Error> Fencing::is_alive(const MemberName& target) const {
    return failure(ErrorCode::kMemberAlive, std::format("{} shows signs of life again", target.str()), target.str());
}

/// How its death was proved, in words.
boost::asio::awaitable<Result<std::string>> Fencing::prove_death(MemberLife target, Revision alive_seen) {
    const auto& name = target.member.str();
    Result<std::string> proof =
        failure(ErrorCode::kFenceFailed, std::format("no [[fence]] can prove that {} is dead", name), name,
                std::format("add one to system.toml, or: ssictl member set-down {}", name));
    for (const auto& step : chain_) {
        // The steps before may have taken long: nobody is switched off who came back meanwhile (SAFETY 14).
        if (!shows_no_sign(target.member)) co_return is_alive(target.member);
        if (const auto* agent = std::get_if<std::unique_ptr<FenceAgent>>(&step))
            proof = co_await cut_power(**agent, target.member);
        else if (const auto* fence = std::get_if<std::unique_ptr<WriteFence>>(&step))
            proof = co_await stop_writes(**fence, target, alive_seen);
        else if (pdr_ != nullptr && pdr_->dead_after(target.member))
            proof = co_await wait_until_dead(target, alive_seen);
        if (proof) break;
    }
    co_return proof;
}

boost::asio::awaitable<Result<std::string>> Fencing::cut_power(FenceAgent& agent, MemberName target) {
    const auto off = co_await agent.off(target);
    if (off) co_return std::format("fenced by {} through {}", membership_.own().str(), agent.name());
    log::warning(std::format("fence agent {} failed", agent.name()), off.error());
    co_return std::unexpected(off.error());
}

/// Until both of its signs have stood still for all of that time, or one of them moves.
boost::asio::awaitable<Result<std::chrono::milliseconds>> Fencing::wait_until_still(MemberLife target,
                                                                                    Revision alive_seen,
                                                                                    Stillness stillness) {
    while (true) {
        const auto now = clock_.now();
        const auto after = (pdr_->*stillness.time)(target.member);
        const auto still = (pdr_->*stillness.proof)(target, now);
        if (after && still && watch_.unheard_for(target.member, alive_seen, *after, now)) co_return *after;
        // A sign that moved, a PDR that cannot be read: the intent is withdrawn, and all begins anew.
        if (!after || !shows_no_sign(target.member)) {
            if (!still) co_return std::unexpected(still.error());
            co_return is_alive(target.member);
        }
        co_await clock_.sleep(beat_);
    }
}

/// Until all of T_dead is over.
boost::asio::awaitable<Result<std::string>> Fencing::wait_until_dead(MemberLife target, Revision alive_seen) {
    const Stillness dead{&PdrWatch::dead_after, &PdrWatch::is_dead_by_time};
    const auto after = co_await wait_until_still(target, alive_seen, dead);
    if (!after) co_return std::unexpected(after.error());
    co_return std::format("dead by time: no sign of life for {} ms, and its watchdog has reset it", after->count());
}

/// What holds only of this state, and of what the volumes say now: nothing is changed by asking.
boost::asio::awaitable<Result<WriteFence::Request>> Fencing::may_stop_writes(WriteFence& fence, MemberLife target) {
    const auto& name = target.member.str();
    if (pdr_ == nullptr || !pdr_->lease_over_after(target.member))
        co_return failure(ErrorCode::kFenceFailed,
                          std::format("reservations do not stop {}: nothing says when its guests have ended", name),
                          name, "ssictl query ssi --why " + name);
    if (!fence.covers_all_disks())
        co_return failure(ErrorCode::kFenceFailed,
                          std::format("reservations do not stop {}: fence {} does not say that it covers all disks",
                                      name, fence.name()),
                          name, "all_disks = true in the [[fence]], if it is so");
    const auto by = membership_.life();
    if (!by) co_return failure(ErrorCode::kMemberNotJoined, "this member is not Joined", membership_.own().str());
    // The intent is committed: from this reading on no guest comes to the target, and it registers nowhere.
    if (auto fresh = co_await view_.refresh(); !fresh) co_return std::unexpected(fresh.error());
    const auto registration = settled_registration(view_.state(), target);
    if (!registration) co_return std::unexpected(registration.error());
    if (auto covered = guests_write_only_to(view_.state(), target, fence.volumes()); !covered)
        co_return std::unexpected(covered.error());
    const WriteFence::Request request{*by, target, *registration};
    if (auto may = co_await fence.may_stop(request); !may) co_return std::unexpected(may.error());
    co_return request;
}

/// A member that runs has ended its guests with its lease; of one that does not run, and may go on at any moment, no
/// write gets through any more (SAFETY 13 c).
boost::asio::awaitable<Result<std::string>> Fencing::stop_writes(WriteFence& fence, MemberLife target,
                                                                 Revision alive_seen) {
    Result<void> stopped;
    // What cannot succeed is not waited for: the next step of the chain may.
    auto request = co_await may_stop_writes(fence, target);
    if (request) {
        const Stillness lease_over{&PdrWatch::lease_over_after, &PdrWatch::is_lease_over};
        if (auto still = co_await wait_until_still(target, alive_seen, lease_over); !still)
            co_return std::unexpected(still.error());
        request = co_await may_stop_writes(fence, target);
    }
    if (request && !shows_no_sign(target.member)) co_return is_alive(target.member);
    if (request) stopped = co_await fence.stop(*request);
    const auto fault = request ? (stopped ? std::optional<Error>() : stopped.error()) : request.error();
    if (fault) {
        log::warning(std::format("fence {} failed", fence.name()), *fault);
        co_return std::unexpected(*fault);
    }
    if (!shows_no_sign(target.member)) co_return is_alive(target.member);
    co_return std::format("its writes were stopped by {} through {}, after its lease", membership_.own().str(),
                          fence.name());
}

boost::asio::awaitable<Result<void>> Fencing::judge(MemberName target, std::string reason) {
    // It is proved: only the verdict is missing, and it is committed as soon as the engine answers.
    while (true) {
        auto judged = co_await view_.commit(
            [&](const ClusterState& state) { return decide_dead(state, membership_.own(), target, reason); });
        if (judged) {
            log::notice(std::format("{} is Down: {}", target.str(), reason), {{"SSI_MEMBER", target.str()}});
            co_return judged;
        }
        const auto code = judged.error().code;
        if (code == ErrorCode::kMemberAlive || code == ErrorCode::kFenceOpen || code == ErrorCode::kMemberUnknown)
            co_return judged;
        co_await clock_.sleep(200ms);
    }
}

}  // namespace ssi::cluster
