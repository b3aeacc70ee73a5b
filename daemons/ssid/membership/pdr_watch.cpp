#include "daemons/ssid/membership/pdr_watch.hpp"

namespace ssi::cluster {

void PdrWatch::look(const PdrPass& pass, BootTime now) {
    last_ = pass;
    if (pass.fresh) {
        if (!last_fresh_) passes_.since = now;
        last_fresh_ = now;
        ++passes_.fresh_passes;
        for (auto& [member, sign] : signs_) ++sign.fresh_passes;
    }
    // A slot that has moved has moved, whatever the pass is worth otherwise.
    for (const auto& slot : pass.slots) {
        const auto [sign, is_new] = signs_.try_emplace(slot.member, Sign{slot.counter, now});
        if (!is_new && sign->second.counter != slot.counter) sign->second = {slot.counter, now, 0, true};
    }
}

bool PdrWatch::stands_still(const MemberName& member, BootTime now) const {
    if (!is_readable(now)) return false;
    const auto found = signs_.find(member);
    const auto& sign = found == signs_.end() ? passes_ : found->second;
    return now - sign.since >= silence_ && sign.fresh_passes * beat_ >= silence_;
}

bool PdrWatch::moves(const MemberName& member, BootTime now) const {
    const auto since = age(member, now);
    return since && *since < silence_;
}

std::optional<std::chrono::milliseconds> PdrWatch::age(const MemberName& member, BootTime now) const {
    const auto sign = signs_.find(member);
    if (sign == signs_.end() || !sign->second.seen_moving) return std::nullopt;
    return now - sign->second.since;
}

bool PdrWatch::is_readable(BootTime now) const {
    return last_fresh_ && now - *last_fresh_ < silence_;
}

}  // namespace ssi::cluster
