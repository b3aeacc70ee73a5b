#include "daemons/ssid/membership/membership.hpp"

#include <algorithm>
#include <format>
#include <utility>

#include "daemons/ssid/state/member_rules.hpp"
#include "lib/common/log.hpp"
#include "lib/common/mutation.hpp"

namespace ssi::cluster {

namespace {

/// Of what is decided inside a few commits: as long as silence, which says the same of a member.
std::chrono::milliseconds stall_time(const TimingConfig& timing) {
    return 2 * timing.silence;
}

}  // namespace

Membership::Membership(MemberName own, const TimingConfig& timing, ClusterView& view, GuardLink& guard,
                       BootRecord& boot, Clock& clock)
    : own_(std::move(own)),
      timing_(timing),
      view_(view),
      guard_(guard),
      boot_(boot),
      clock_(clock),
      transitions_(stall_time(timing)),
      lone_(stall_time(timing)) {}

bool Membership::has_majority() const {
    return last_beat_ && clock_.now() - *last_beat_ < timing_.silence;
}

std::optional<std::chrono::milliseconds> Membership::beat_age() const {
    if (!last_beat_) return std::nullopt;
    return clock_.now() - *last_beat_;
}

boost::asio::awaitable<void> Membership::run() {
    std::optional<ErrorCode> reported;
    while (!life_) {
        auto admitted = co_await admit();
        if (admitted) {
            life_ = *admitted;
            break;
        }
        if (admitted.error().code == ErrorCode::kDeclaredDead) {
            co_await expel(admitted.error());
            co_return;
        }
        if (reported != admitted.error().code) log::notice("not Joined yet: " + admitted.error().text());
        reported = admitted.error().code;
        co_await clock_.sleep(std::min(timing_.beat, std::chrono::milliseconds(200)));
    }
    log::notice(std::format("{} Joined with incarnation {}", own_.str(), std::to_underlying(life_->incarnation)),
                {{"SSI_MEMBER", own_.str()}});
    view_.changed().notify();
    while (!has_left_) {
        const auto begun = clock_.now();  // SAFETY 5: a renewal counts from before its submission.
        auto done = co_await beat(*life_);
        if (done) {
            last_beat_ = begun;
            if (on_beat) on_beat(begun);
        } else if (done.error().code == ErrorCode::kDeclaredDead && !leaving_ && !has_left_) {
            co_await expel(done.error());
            co_return;
        }
        const auto used = clock_.now() - begun;
        if (used < timing_.beat) co_await clock_.sleep(timing_.beat - used);
    }
}

boost::asio::awaitable<Result<MemberLife>> Membership::admit() {
    if (!view_.is_loaded()) co_return failure(ErrorCode::kNoMajority, "the cluster's state was not read yet");
    // What was decided about us while we were away must be seen: the mirror alone may be old.
    if (auto fresh = co_await view_.refresh(); !fresh) co_return std::unexpected(fresh.error());
    auto recorded = boot_.load();
    if (!recorded) co_return std::unexpected(recorded.error());
    if (*recorded) co_return co_await rejoin(**recorded);

    auto rights = co_await guard_.rights();
    if (!rights) co_return std::unexpected(rights.error());
    if (!rights->empty())
        co_return failure(ErrorCode::kDoorClosed,
                          std::format("this host has no record of its incarnation, yet guest {} runs on it",
                                      rights->front().guest.str()),
                          rights->front().guest.str(), "shut its guests down, or reboot it");
    co_return co_await join();
}

boost::asio::awaitable<Result<MemberLife>> Membership::join() {
    const auto silent = lone_.look(view_.state(), clock_.now());
    auto allowed = may_join(view_.state());
    if (allowed) allowed = may_join_beside_lone(view_.state(), own_, silent);
    if (!allowed) {
        const auto reason = allowed.error().text();
        auto isolated =
            co_await view_.commit([&](const ClusterState& state) { return decide_isolated(state, own_, reason); });
        if (!isolated) co_return std::unexpected(isolated.error());
        co_return std::unexpected(allowed.error());
    }
    const auto stalled = transitions_.look(view_.state(), clock_.now());
    auto committed = co_await view_.commit(
        [&](const ClusterState& state) { return decide_admission(state, own_, stalled, silent); });
    if (!committed) co_return std::unexpected(committed.error());
    const auto* record = view_.state().member(own_);
    const MemberLife life{own_, record == nullptr ? Incarnation{} : record->incarnation};
    if (before_joined) co_await before_joined(life);
    committed = co_await view_.commit([&](const ClusterState& state) { return decide_joined(state, life); });
    if (!committed) co_return std::unexpected(committed.error());
    // Last: without it the next ssid of this boot is admitted anew, and nothing has run by this admission.
    if (auto stored = boot_.store(life.incarnation); !stored) co_return std::unexpected(stored.error());
    co_return life;
}

boost::asio::awaitable<Result<MemberLife>> Membership::rejoin(Incarnation incarnation) {
    const MemberLife life{own_, incarnation};
    // A leave that a restart of ssid interrupted is void: it is asked for again.
    auto stayed = co_await view_.commit([life](const ClusterState& state) { return decide_stay(state, life); });
    if (!stayed) co_return std::unexpected(stayed.error());
    co_return life;
}

boost::asio::awaitable<Result<void>> Membership::beat(const MemberLife& life) {
    auto number = ++beats_;
    if (mutated(Mutation::kComparePeerStamp))
        number = static_cast<std::uint64_t>(clock_.now().time_since_epoch().count());
    co_return co_await view_.commit(
        [life, number](const ClusterState& state) { return decide_alive(state, life, number); });
}

boost::asio::awaitable<void> Membership::expel(const Error& why) {
    // R1: others may run our guests from now on. Nothing is more urgent, so it is tried until the guard has heard.
    life_.reset();
    log::error("every guest of this member is being killed", why);
    while (true) {
        auto expelled = co_await guard_.expel();
        if (expelled) break;
        log::error("the guard has not heard yet", expelled.error());
        co_await clock_.sleep(std::chrono::milliseconds(100));
    }
    view_.changed().notify();
}

boost::asio::awaitable<Result<void>> Membership::begin_leave(const MemberLife& life) {
    const auto deadline = clock_.now() + kLeavePatience;
    while (true) {
        const auto seen = view_.changed().count();
        const auto stalled = transitions_.look(view_.state(), clock_.now());
        auto done =
            co_await view_.commit([&](const ClusterState& state) { return decide_leaving(state, life, stalled); });
        const bool waits = !done && done.error().code == ErrorCode::kChangeUnderWay;
        if (!waits || clock_.now() >= deadline) co_return done;
        co_await clock_.wait_change(view_.changed(), seen, timing_.beat);
        if (auto fresh = co_await view_.refresh(); !fresh) co_return fresh;
    }
}

boost::asio::awaitable<Result<void>> Membership::leave_now(const MemberLife& life) {
    auto done = co_await begin_leave(life);
    if (!done) co_return done;
    // From here on nobody sends a guest here; whatever was committed before is seen by a fresh read.
    if (done = co_await view_.refresh(); !done) co_return done;
    if (const auto allowed = decide_left(view_.state(), life); !allowed) co_return std::unexpected(allowed.error());
    // R1: nothing resides here, so no QEMU may outlive this membership; and none may be in the way of the next one.
    const auto strays = co_await guard_.rights();
    if (!strays) co_return std::unexpected(strays.error());
    for (const auto& stray : *strays)
        if (done = co_await guard_.revoke(stray.guest, stray.run, true); !done) co_return done;
    co_return co_await view_.commit([life](const ClusterState& state) { return decide_left(state, life); });
}

boost::asio::awaitable<Result<void>> Membership::leave() {
    if (!life_) co_return Result<void>{};
    if (std::exchange(leaving_, true))
        co_return failure(ErrorCode::kConflict, std::format("{} is leaving already", own_.str()), own_.str());
    const auto life = *life_;
    auto left = co_await leave_now(life);
    if (!left) {
        auto stayed = co_await view_.commit([life](const ClusterState& state) { return decide_stay(state, life); });
        if (!stayed) log::warning("cannot return to Joined", stayed.error());
        leaving_ = false;
        co_return left;
    }
    has_left_ = true;
    leaving_ = false;
    life_.reset();
    if (auto cleared = boot_.clear(); !cleared)
        log::warning("this host joins again only after a reboot", cleared.error());
    if (after_left)
        if (auto ended = co_await after_left(); !ended) log::warning("this member has left", ended.error());
    log::notice(std::format("{} left the cluster in order", own_.str()), {{"SSI_MEMBER", own_.str()}});
    co_return Result<void>{};
}

}  // namespace ssi::cluster
