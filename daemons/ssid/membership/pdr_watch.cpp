#include "daemons/ssid/membership/pdr_watch.hpp"

#include <algorithm>
#include <format>
#include <string>
#include <utility>

#include "lib/common/mutation.hpp"

namespace ssi::cluster {

void PdrWatch::look(const PdrPass& pass, BootTime now) {
    last_ = pass;
    // What was seen on another volume says nothing here: whoever wrote there until just now lives on by that.
    if (pass.volume != 0 && std::exchange(volume_, pass.volume) != pass.volume) {
        signs_.clear();
        slots_.clear();
        passes_ = {};
        last_fresh_.reset();
    }
    if (pass.fresh || mutated(Mutation::kSkipFreshRead)) {
        if (!last_fresh_) passes_.since = now;
        // We may hear of it late, having stood still ourselves: it is no newer for that.
        last_fresh_ = std::min(pass.read.value_or(now), now);
        ++passes_.fresh_passes;
        for (auto& [member, sign] : signs_) ++sign.fresh_passes;
    }
    // A slot that has moved has moved, whatever the pass is worth otherwise.
    for (const auto& slot : pass.slots) {
        const auto [sign, is_new] = signs_.try_emplace(slot.member, Sign{slot.counter, now});
        if (!is_new && sign->second.counter != slot.counter) sign->second = {slot.counter, now, 0, true};
        slots_.insert_or_assign(slot.member, slot);
    }
}

bool PdrWatch::still_for(const Sign& sign, std::chrono::milliseconds time, BootTime now) const {
    const bool readable = last_fresh_ && now - *last_fresh_ < std::min(time, silence_);
    return readable && now - sign.since >= time && sign.fresh_passes * beat_ >= time;
}

bool PdrWatch::stands_still(const MemberName& member, BootTime now, std::chrono::milliseconds time) const {
    const auto found = signs_.find(member);
    return still_for(found == signs_.end() ? passes_ : found->second, time, now);
}

const SlotSign* PdrWatch::slot(const MemberName& member) const {
    const auto found = slots_.find(member);
    return found == slots_.end() ? nullptr : &found->second;
}

std::optional<std::chrono::milliseconds> PdrWatch::dead_after(const MemberName& member) const {
    const auto* said = slot(member);
    return said == nullptr ? std::nullopt : said->dead_after();
}

std::optional<std::chrono::milliseconds> PdrWatch::lease_over_after(const MemberName& member) const {
    const auto* said = slot(member);
    return said == nullptr ? std::nullopt : said->lease_over_after();
}

Result<void> PdrWatch::is_dead_by_time(const MemberLife& life, BootTime now) const {
    return has_stood_still(life, &SlotSign::dead_after, "no lease, or no armed hardware watchdog", now);
}

Result<void> PdrWatch::is_lease_over(const MemberLife& life, BootTime now) const {
    return has_stood_still(life, &SlotSign::lease_over_after, "no lease", now);
}

Result<void> PdrWatch::has_stood_still(const MemberLife& life,
                                       std::optional<std::chrono::milliseconds> (SlotSign::*time)() const,
                                       std::string_view lacks, BootTime now) const {
    const auto& name = life.member.str();
    const auto unproved = [&](std::string why) {
        return failure(ErrorCode::kFenceFailed, std::format("time does not prove {} dead: {}", name, why), name,
                       "ssictl query ssi; if its power is certainly off: ssictl member set-down " + name);
    };
    const auto* said = slot(life.member);
    if (said == nullptr) return unproved("it never wrote to the PDR");
    // The promise of another life says nothing of this one.
    if (said->incarnation != life.incarnation) return unproved("its slot is of another incarnation");
    const auto after = (said->*time)();
    if (!after && said->lone) return unproved("its slot says that it is alone (LONE)");
    if (!after) return unproved(std::format("its slot says that it has {}", lacks));
    if (!is_readable(now)) return unproved("the PDR cannot be read here");
    if (!still_for(signs_.at(life.member), *after, now))
        return unproved(std::format("its slot has not stood still for {} ms yet", after->count()));
    return {};
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
