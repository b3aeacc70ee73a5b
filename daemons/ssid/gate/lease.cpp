#include "daemons/ssid/gate/lease.hpp"

#include <algorithm>

#include "lib/common/mutation.hpp"

namespace ssi::gate {

void Lease::renew(BootTime begun, BootTime now) {
    const bool over = expired_at_ || (!lone_ && deadline_ && now >= *deadline_);
    if (condemned_) return;
    if (over && !mutated(Mutation::kRenewAfterExpiry)) return;
    if (reset_promised_ && !watchdog_works_ && !mutated(Mutation::kBrokenWatchdogTrusted)) return;
    if (begun > now || begun + term_ <= now) return;
    deadline_ = std::max(deadline_.value_or(begun + term_), begun + term_);
    if (over) expired_at_.reset();
}

bool Lease::admits(BootTime now) const {
    if (lone_) return !expired_at_;
    return !expired_at_ && deadline_ && now < *deadline_ - std::min(kDoorMargin, term_ / 10);
}

bool Lease::may_feed(BootTime now) const {
    if (expired_at_) return now < *expired_at_ + kStopTime;
    return lone_ || !deadline_ || now < *deadline_ + kStopTime;
}

bool Lease::expire(BootTime now) {
    if (lone_ || expired_at_ || !deadline_ || now < *deadline_) return false;
    // Not now: the time to stop the writers begins when the lease ends, however late that is noticed.
    expired_at_ = deadline_;
    deadline_.reset();
    ++generation_;
    return true;
}

void Lease::clear() {
    expired_at_.reset();
}

void Lease::watchdog_works(bool works) {
    watchdog_works_ = works;
    reset_promised_ = reset_promised_ || works;
}

void Lease::watchdog_is_withdrawn() {
    if (!watchdog_works_) reset_promised_ = false;
}

bool Lease::judge_lone(std::optional<bool> alone, const SlotWord& word, BootTime now) {
    if (alone.value_or(word.says())) {
        const bool is_told = (word.says() && word.is_read_back()) || mutated(Mutation::kLoneBeforeReadBack);
        if (is_told && is_held(now)) lone_ = true;
        return !expired_at_;
    }
    if (is_held(now)) lone_ = false;
    return lone_;
}

bool Lease::condemn(BootTime now) {
    condemned_ = true;
    lone_ = false;
    if (expired_at_) return false;
    expired_at_ = now;
    deadline_.reset();
    ++generation_;
    return true;
}

void Lease::pardon() {
    condemned_ = false;
}

void Lease::lay_down() {
    deadline_.reset();
    reset_promised_ = false;
}

void Lease::remember(const Memory& memory) {
    generation_ = memory.generation;
    deadline_ = memory.deadline;
    expired_at_ = memory.expired_at;
    reset_promised_ = memory.reset_promised;
    lone_ = memory.lone;
    condemned_ = memory.condemned;
}

}  // namespace ssi::gate
