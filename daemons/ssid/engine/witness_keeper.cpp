#include "daemons/ssid/engine/witness_keeper.hpp"

#include <algorithm>
#include <format>
#include <utility>

#include "daemons/ssid/engine/voter_keeper.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

constexpr auto kLockTime = 5s;
constexpr auto kFetchTime = 60s;
/// SAFETY 10. Scaled by timing.scale.
constexpr auto kUnfitTime = 30s;
constexpr auto kRetry = 1s;
constexpr auto kStartPause = 5s;  // after one that failed
constexpr auto kIdle = 10s;

std::shared_ptr<WitnessVolume> volume_of(const SystemConfig& config, MemberSlot own, const WitnessPlaces& places) {
    const auto uuid = GuestUuid::parse(config.cluster_uuid);
    const auto reserved = MemberName::parse(kWitnessName);
    if (config.pdr.device.empty() || config.members.size() < 2 || !uuid) return nullptr;
    if (!reserved || config.find(*reserved) != nullptr)
        return nullptr;  // a member has its name: nobody could be told apart
    return std::make_shared<WitnessVolume>(
        WitnessVolume::Settings{config.pdr.device, {config.cluster, pdr::cluster_id(*uuid)}, own, places.pdr_lock});
}

std::string name(const pdr::LockRecord& lock) {
    return lock.witness ? lock.witness->member.str() : "nobody";
}

}  // namespace

WitnessKeeper::WitnessKeeper(const SystemConfig& config, MemberName own, UnitControl& units, Clock& clock,
                             boost::asio::any_io_executor executor, WitnessPlaces places)
    : config_(config),
      own_(std::move(own)),
      slot_(config.find(own_)->slot),
      units_(units),
      clock_(clock),
      places_(std::move(places)),
      calls_(executor, 1),
      volume_(volume_of(config, slot_, places_)),
      born_(clock.now()),
      looked_(executor) {}

awaitable<void> WitnessKeeper::run() {
    if (!volume_) co_return;
    while (true) {
        const auto begun = clock_.now();
        const auto done = co_await look();
        report(done);
        looked_.notify();
        const auto used = clock_.now() - begun;
        const auto pause = pause_after(done.has_value());
        if (used < pause) co_await clock_.sleep(pause - used);
    }
}

bool WitnessKeeper::has_areas() const {
    const auto has_area = [&](const MemberConfig& member) { return member.slot.number() <= areas_.value_or(0); };
    return config_.pdr.witness && std::ranges::count_if(config_.members, has_area) >= 2;
}

bool WitnessKeeper::is_ours() const {
    return lock_ && lock_->witness && lock_->witness->slot == slot_;
}

/// A volume without areas may get some (it was made larger), but not soon.
std::chrono::milliseconds WitnessKeeper::pause_after(bool well) const {
    if (areas_ && !has_areas() && !is_ours()) return kIdle;
    return well ? config_.timing.beat : std::max<std::chrono::milliseconds>(kRetry, config_.timing.beat);
}

/// Nothing is said of a cluster that has none.
void WitnessKeeper::report(const Result<void>& done) {
    if (!has_areas()) return;
    const auto text = done ? std::string() : done.error().text();
    if (text != trouble_ && !done) log::warning("the witness", done.error());
    if (text != trouble_ && done) log::notice("the witness is as it should be again");
    trouble_ = text;
}

awaitable<Result<void>> WitnessKeeper::until_free() {
    const auto deadline = clock_.now() + 4 * kLockTime;
    while (volume_ && (witness_process(places_) || is_ours())) {
        if (clock_.now() >= deadline)
            co_return failure(ErrorCode::kTimedOut, "this member still holds the witness: " + trouble_, own_.str(),
                              "try again");
        co_await wait_change_or_time(looked_, looked_.count(), clock_, deadline - clock_.now());
    }
    co_return Result<void>{};
}

awaitable<Result<void>> WitnessKeeper::look() {
    const auto view = co_await calls_.run<WitnessVolume::View>("the PDR", "read its lock", kLockTime,
                                                               [volume = volume_](auto) { return volume->look(); });
    if (!view) {
        lock_.reset();
        co_return std::unexpected(view.error());
    }
    lock_ = view->lock;
    areas_ = view->areas;
    note_run();
    const bool runs = witness_process(places_).has_value();
    if (!has_areas() && !runs && !is_ours()) co_return Result<void>{};
    // What the boot of this host before left in the disk's queue has landed by then, and hurts neither our lock block
    // nor our area (SAFETY, assumption of 13).
    if (clock_.now().time_since_epoch() < config_.timing.lease + config_.timing.watchdog + 2s) co_return Result<void>{};
    const auto holder = lock_->witness ? std::optional(lock_->witness->member) : std::nullopt;
    if (auto pointed = point_to_witness(places_, own_, holder); !pointed) co_return pointed;
    // Nothing is copied into an area whose file system may still write to it, nor is the lock freed.
    if (!runs && !area_is_closed(places_))
        if (auto closed = co_await close_area(); !closed) co_return closed;
    if (lock_->fencing && is_left_open(*lock_->fencing))
        co_return co_await change_lock({0, lock_->witness, lock_->data, std::nullopt, lock_->run});
    const auto now = co_await situation();
    if (!now) co_return std::unexpected(now.error());
    const auto step = plan_witness(*now);
    if (step == WitnessStep::kNothing && now->is_stuck)
        co_return failure(
            ErrorCode::kNoMajority,
            std::format("{} holds it, shows no sign of life, and nothing proves that it is dead",
                        lock_->witness->member.str()),
            lock_->witness->member.str(),
            "wait for its boot; if it is off for certain: ssictl member set-down " + lock_->witness->member.str());
    co_return co_await act(step);
}

awaitable<Result<void>> WitnessKeeper::close_area() {
    if (auto closed = co_await units_.start(kWitnessCloseUnit); !closed) co_return closed;
    if (area_is_closed(places_)) co_return Result<void>{};
    co_return failure(ErrorCode::kSystemFailed, "the witness's file system is still in use", places_.area.native(),
                      "see who has it open: fuser -vm " + places_.area.native());
}

/// An intent of ours that no fencing stands behind any more: that ssid ended, or the PDR did not take it back. It would
/// bar its target for ever.
bool WitnessKeeper::is_left_open(const pdr::FencingIntent& intent) const {
    return intent.by.slot == slot_ && fenced_ != lock_->generation && !signs(intent.target.member).is_silent;
}

void WitnessKeeper::note_run() {
    if (!run_ || run_->holder != lock_->witness || run_->number != lock_->run)
        run_ = Run{lock_->witness, lock_->run, clock_.now()};
}

HolderSigns WitnessKeeper::signs_of_run() const {
    if (!lock_->witness) return {};
    const auto known = clock_.now() - run_->since;
    auto holder = signs(lock_->witness->member);
    holder.still = std::min(holder.still, known);
    holder.is_silent = holder.is_silent && known >= config_.timing.lease + config_.timing.beat;
    return holder;
}

awaitable<Result<WitnessSituation>> WitnessKeeper::situation() {
    const auto claim = read_claim(places_);
    if (!claim) co_return std::unexpected(claim.error());
    const bool runs = witness_process(places_).has_value();
    bool is_served = false;
    if (runs) is_served = co_await serves();
    const auto now = clock_.now();
    const auto facts = cluster(*lock_, *areas_);
    const bool holds = is_ours();

    WitnessSituation situation{.own = slot_, .lock = *lock_, .life = life()};
    situation.claimed = *claim && lock_->generation >= **claim;
    situation.runs = runs;
    situation.must_yield = !has_areas() || has_left() || is_unfit(facts.has_value(), holds, is_served) ||
                           (facts && holds && facts->should_move);
    if (facts) {
        situation.seat = facts->seat;
        const bool is_to_be_had = !lock_->witness || (facts->holder_is_gone && is_still_gone(signs_of_run()));
        situation.may_take = facts->home == own_ && facts->seat != WitnessSeat::kUnknown && is_to_be_had;
    } else if (now - born_ >= config_.timing.silence) {
        auto holder = signs_of_run();
        // "Off" is void when its slot moves afterwards (SAFETY 14).
        if (!holder.is_silent) fenced_.reset();
        holder.is_off = fenced_ == lock_->generation || is_recorded_off(*lock_);
        situation.may_take = is_free(*lock_, holder);
        situation.is_stuck = holder.is_silent && !situation.may_take && !holder.dead_after;
        situation.may_fence = holder.is_silent && lock_->witness && may_fence(lock_->witness->member);
    }
    const auto& intent = lock_->fencing;
    situation.is_barred =
        intent && intent->target.slot == slot_ && intent->by.slot != slot_ && !signs(intent->by.member).is_silent;
    if (slot_.number() > *areas_) situation.may_take = situation.may_fence = false;
    co_return situation;
}

/// SAFETY 10, as far as ssid sees it.
bool WitnessKeeper::is_unfit(bool has_majority, bool holds, bool is_served) {
    const auto now = clock_.now();
    const auto patience = kUnfitTime * config_.timing.scale;
    // What was wrong may be mended, and nobody else has wanted it since.
    if (has_majority || (gave_up_ && !lock_->witness && now - *gave_up_ >= 2 * patience)) gave_up_.reset();
    if (!holds || (has_majority && (is_served || !lock_->data))) {
        unfit_since_.reset();
        return gave_up_.has_value();
    }
    if (!unfit_since_) unfit_since_ = now;
    if (now - *unfit_since_ >= patience) gave_up_ = now;
    return gave_up_.has_value();
}

awaitable<Result<void>> WitnessKeeper::act(WitnessStep step) {
    const bool is_start = step == WitnessStep::kFetch || step == WitnessStep::kBegin || step == WitnessStep::kStart;
    if (is_start && failed_ && clock_.now() - failed_->at < kStartPause) co_return std::unexpected(failed_->why);
    switch (step) {
        case WitnessStep::kFence:
            co_return co_await fence();
        case WitnessStep::kClaim:
            co_return co_await claim();
        case WitnessStep::kFetch:
            co_return co_await fetch();
        case WitnessStep::kBegin:
            co_return co_await start(true);
        case WitnessStep::kStart:
            co_return co_await start(false);
        case WitnessStep::kStop:
            log::notice("the witness stops here", {{"SSI_MEMBER", own_.str()}});
            co_return co_await units_.stop(kWitnessUnit);
        case WitnessStep::kRelease:
            co_return co_await release();
        case WitnessStep::kNothing:
            break;
    }
    co_return Result<void>{};
}

pdr::LockParty WitnessKeeper::party() const {
    return {slot_, own_, life()};
}

/// Has `next` decided as the generation after the one that was looked at, or nothing.
awaitable<Result<void>> WitnessKeeper::change_lock(pdr::LockRecord next) {
    const auto seen = lock_->generation;
    auto decide = [volume = volume_, seen, next = std::move(next)](BlockingCalls::Deadline end) {
        return volume->decide(
            [&](const pdr::LockRecord& current) -> Result<std::optional<pdr::LockRecord>> {
                auto ours = next;
                ours.generation = seen + 1;
                if (current == ours) return std::nullopt;  // it is decided: another has finished it for us
                if (current.generation != seen)
                    return failure(ErrorCode::kConflict, "the PDR lock was changed by another member meanwhile",
                                   name(current), "none is needed: it is looked at again");
                return next;
            },
            end);
    };
    auto decided = co_await calls_.run<pdr::LockRecord>("the PDR", "change its lock", kLockTime, std::move(decide));
    if (!decided) co_return std::unexpected(decided.error());
    lock_ = *std::move(decided);
    note_run();
    log::notice("PDR lock: " + pdr::text_of(*lock_), {{"SSI_MEMBER", own_.str()}});
    co_return Result<void>{};
}

awaitable<Result<void>> WitnessKeeper::fence() {
    const auto target = *lock_->witness;
    const pdr::FencingIntent intent{party(), target};
    if (lock_->fencing != intent) {
        auto won = co_await change_lock({0, lock_->witness, lock_->data, intent, lock_->run});
        if (!won) co_return won;
    }
    const auto generation = lock_->generation;
    log::warning(std::format("{} holds the witness and is silent: fencing it without a majority", target.member.str()),
                 {{"SSI_MEMBER", target.member.str()}});
    auto done = co_await cut_power(target.member);
    if (done && !signs(target.member).is_silent)
        done = failure(ErrorCode::kMemberAlive,
                       std::format("{} was said to be off and writes to the PDR", target.member.str()),
                       target.member.str(), "check its plug in system.toml");
    if (done) {
        fenced_ = generation;
        // So that an ssid that ends here has not switched it off in vain, and no second proof is needed later.
        if (auto recorded = co_await record_off(target.member); !recorded)
            log::warning("the verdict is not on the PDR", recorded.error());
        co_return co_await claim();
    }
    auto withdrawn = co_await change_lock({0, lock_->witness, lock_->data, std::nullopt, lock_->run});
    if (!withdrawn) log::warning("the intent to fence is still on the PDR: it is taken back later", withdrawn.error());
    co_return done;
}

awaitable<Result<void>> WitnessKeeper::claim() {
    auto holder = party();
    // A boot that has not joined yet is told apart from the one before it, which may have been declared Down.
    auto won = co_await change_lock({0, std::move(holder), lock_->data, std::nullopt, lock_->run + 1});
    if (!won) co_return won;
    if (auto kept = write_claim(places_, lock_->generation); !kept) co_return kept;
    const bool elsewhere = lock_->data && lock_->data != slot_ && !witness_process(places_);
    if (elsewhere) co_return co_await fetch();
    co_return Result<void>{};
}

awaitable<Result<void>> WitnessKeeper::fetch() {
    const auto begun = clock_.now();
    auto copy = [volume = volume_, from = *lock_->data](BlockingCalls::Deadline end) {
        return volume->fetch(from, end);
    };
    auto copied = co_await calls_.run<void>("the PDR", "copy the witness's data", kFetchTime, std::move(copy));
    if (!copied) co_return copied;
    log::notice(std::format("the witness's data was fetched in {} ms", (clock_.now() - begun).count()),
                {{"SSI_MEMBER", own_.str()}});
    co_return co_await start(false);
}

awaitable<Result<void>> WitnessKeeper::start(bool begin) {
    // Read only when there is no data: then the witness is one more of those in etcd's list.
    EtcdStart first{"existing", std::format("{}={}", kWitnessName, peer_url(kWitnessName))};
    if (begin) {
        auto list = co_await joining();
        if (!list) co_return std::unexpected(list.error());
        first = *std::move(list);
    }
    // Nobody took it from us, since we decided to start or (SAFETY 17) while its data was copied, or this is refused.
    // Who was about to take it, for our silence, is refused from here on, and has to wait for all of T_dead anew.
    const auto begun = clock_.now();
    if (auto ours = co_await change_lock({0, lock_->witness, slot_, std::nullopt, lock_->run + 1}); !ours)
        co_return ours;
    const WitnessStart run{std::move(first), begin, begun + config_.timing.lease};
    if (auto written = write_witness_start(config_, own_, places_, run); !written) co_return written;
    if (auto pointed = point_to_witness(places_, own_, own_); !pointed) co_return pointed;
    log::notice("the witness starts here", {{"SSI_MEMBER", own_.str()}});
    auto started = co_await units_.start(kWitnessUnit);
    failed_.reset();
    if (!started) failed_ = Failure{clock_.now(), started.error()};
    co_return started;
}

awaitable<Result<void>> WitnessKeeper::release() {
    auto freed = co_await change_lock({0, std::nullopt, lock_->data, lock_->fencing, lock_->run});
    if (freed) forget_claim(places_);
    co_return freed;
}

}  // namespace ssi::cluster
