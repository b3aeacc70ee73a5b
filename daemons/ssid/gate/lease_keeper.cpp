#include "daemons/ssid/gate/lease_keeper.hpp"

#include <algorithm>
#include <format>
#include <utility>

#include "daemons/ssid/gate/spawn.hpp"
#include "lib/common/log.hpp"

namespace ssi::gate {

LeaseKeeper::LeaseKeeper(boost::asio::any_io_executor executor, Clock& clock, Guard& guard, LeaseFile file,
                         Settings settings, std::unique_ptr<Watchdog> watchdog)
    : executor_(std::move(executor)),
      clock_(clock),
      guard_(guard),
      file_(std::move(file)),
      settings_(settings),
      watchdog_(std::move(watchdog)),
      lease_(settings.term) {
    restore();
    works_ = watchdog_ != nullptr;
    lease_.watchdog_works(works_);
    // Before the slot says so.
    if (works_) save();
    guard_.may_admit = [this] { return may_admit(); };
}

void LeaseKeeper::restore() {
    const auto table = guard_.table();
    const bool nothing_runs = table && !(*table)->has_qemu();
    const auto kept = file_.load();
    if (!kept) log::error("the lease of this member is lost", kept.error());
    if (kept && *kept) lease_.remember(**kept);
    if (!nothing_runs && !lease_.deadline() && !lease_.is_expired() && !lease_.is_lone()) {
        // A guard that kept none let them in, or laid it down in order: they get one term. If there is one that cannot
        // be read: none.
        auto memory = lease_.memory();
        memory.deadline = clock_.now() + (kept ? settings_.term : std::chrono::milliseconds(0));
        memory.reset_promised = memory.reset_promised || !kept || !*kept;
        lease_.remember(memory);
    }
    if (lease_.is_expired()) {
        log::error("this member had lost its lease when its guard ended: every guest here is killed");
        spawn(executor_, stop_writers());
    }
}

Result<void> LeaseKeeper::may_admit() const {
    if (lease_.admits(clock_.now())) return {};
    if (lease_.is_condemned())
        return failure(ErrorCode::kDoorClosed, "this member was declared dead: nothing starts on it", {},
                       "ssictl pdr show tells by whom; reboot this host: it joins again with a new incarnation");
    return failure(ErrorCode::kDoorClosed,
                   lease_.is_expired()
                       ? "this member lost its lease: its guests are being stopped, and nothing starts on it"
                       : "this member holds no lease: it shows no sign of life, neither to the cluster nor on the PDR",
                   {}, "see: ssictl query ssi; journalctl -u ssi-guard tells what fails");
}

void LeaseKeeper::renew(BootTime begun) {
    const auto before = lease_.deadline();
    if (notice_ != nullptr && notice_->is_withdrawn()) lease_.watchdog_is_withdrawn();
    lease_.renew(begun, clock_.now());
    if (!before && lease_.deadline()) log::info("this member holds its lease");
    if (before != lease_.deadline()) save();
}

void LeaseKeeper::heard(const cluster::PdrPass& pass) {
    if (pass.fresh || pass.names_us) judge(pass.names_us);
    if (pass.renewed) renew(*pass.renewed);
    if (pass.fresh) judge_lone();
}

void LeaseKeeper::judge_lone() {
    if (notice_ == nullptr) return;
    const auto before = lease_.memory();
    const bool says = lease_.judge_lone(alone_, notice_->lone(), clock_.now());
    if (before.lone != lease_.is_lone()) {
        // The next guard must find it before the slot says otherwise: else it would go on without a lease.
        if (!save()) {
            lease_.remember(before);
            return;
        }
        log::notice(lease_.is_lone() ? "this member is alone, and its slot says so: its guests need no lease"
                                     : "this member is not alone any more: its guests need its lease again");
    }
    notice_->announce_lone(says);
}

void LeaseKeeper::judge(bool is_condemned) {
    if (!is_condemned) {
        lease_.pardon();
        return;
    }
    if (!lease_.condemn(clock_.now())) return;
    save();
    log::error("another member has recorded on the PDR that this one is dead: every guest here is killed");
    spawn(executor_, stop_writers());
}

bool LeaseKeeper::save() {
    auto saved = file_.save(lease_.memory());
    if (!saved) log::error("the lease is not on disk", saved.error());
    return saved.has_value();
}

boost::asio::awaitable<void> LeaseKeeper::run() {
    while (true) {
        const auto now = clock_.now();
        if (lease_.expire(now)) {
            save();
            log::error(std::format(
                "this member lost its lease: no sign of life was shown for {} ms, every guest here is killed",
                settings_.term.count()));
            spawn(executor_, stop_writers());
        }
        feed();
        auto next = settings_.beat;
        if (const auto deadline = lease_.deadline(); deadline && !lease_.is_lone())
            next = std::clamp(std::chrono::milliseconds(*deadline - now), std::chrono::milliseconds(1), next);
        co_await clock_.sleep(next);
    }
}

boost::asio::awaitable<void> LeaseKeeper::stop_writers() {
    co_await guard_.outlive();
    if (stop_others) co_await stop_others();
    lease_.clear();
    save();
    log::notice("every guest here was stopped; they start again where the cluster lets them");
}

void LeaseKeeper::feed() {
    if (!watchdog_) return;
    if (!lease_.may_feed(clock_.now())) {
        if (!std::exchange(hungry_, true))
            log::error("what runs here could not be stopped in time: the watchdog is not fed and resets this host");
        return;
    }
    hungry_ = false;
    judge_watchdog(watchdog_->feed());
}

void LeaseKeeper::judge_watchdog(const Result<void>& fed) {
    if (works_ == fed.has_value()) return;
    works_ = fed.has_value();
    if (works_)
        log::notice("the watchdog is armed and fed again");
    else
        log::error("the watchdog cannot be fed: nobody may count on it any more", fed.error());
    lease_.watchdog_works(works_);
    save();
    if (notice_ != nullptr) notice_->announce(works_);
}

Result<void> LeaseKeeper::lay_down() {
    Result<void> disarmed;
    if (watchdog_) disarmed = watchdog_->disarm();
    // One that broke before cannot be disarmed, and is no reason to stop the guests later.
    lease_.lay_down();
    save();
    return disarmed;
}

}  // namespace ssi::gate
