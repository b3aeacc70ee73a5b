#include "daemons/ssid/membership/peer_watch.hpp"

#include <utility>

#include "daemons/ssid/state/record_keys.hpp"
#include "lib/common/mutation.hpp"

namespace ssi::cluster {

PeerWatch::PeerWatch(MemberName own, const TimingConfig& timing, const PdrWatch* pdr)
    : own_(std::move(own)),
      beat_(timing.beat),
      silence_(timing.silence),
      patience_(pdr == nullptr ? timing.silence : timing.fence),
      boot_grace_(timing.boot),
      pdr_(pdr) {}

void PeerWatch::look(const ClusterState& state, BootTime now) {
    // We stood still ourselves, or had no majority: what we know of the others is from before that, and so may be the
    // mirror of the state at this first look.
    if (!is_awake(now))
        for (auto& [name, sign] : signs_) {
            sign.since = now;
            sign.own_beats = 0;
        }
    beaten_ = now;
    look(state, now, 1);
}

void PeerWatch::look_again(const ClusterState& state, BootTime now) {
    look(state, now, 0);
}

void PeerWatch::look(const ClusterState& state, BootTime now, int own_beats) {
    unheard_.clear();
    silent_.clear();
    for (const auto& [name, record] : state.members()) {
        if (name == own_) continue;
        // Who is not Joined yet runs nothing: its join is void, not its life, when it goes no further.
        if (record.value.state != MemberState::kJoined && record.value.state != MemberState::kLeaving) {
            signs_.erase(name);
            continue;
        }
        const auto found = state.alive().find(name);
        const auto modified = found == state.alive().end() ? Revision{} : found->second.modified;
        auto [sign, is_new] = signs_.try_emplace(name, Sign{modified, now});
        if (!is_new && sign->second.modified != modified)
            sign->second = {modified, now, 0, true};
        else
            sign->second.own_beats += own_beats;
        bool is_still = still_for(sign->second, sign->second.seen_moving ? patience_ : boot_grace_, now);
        if (mutated(Mutation::kComparePeerStamp))
            is_still = found != state.alive().end() &&
                       now - BootTime(std::chrono::milliseconds(found->second.value.beat)) >= patience_;
        if (!is_still) continue;
        unheard_.insert(name);
        if (pdr_ == nullptr || pdr_->stands_still(name, now, patience_)) silent_.insert(name);  // SAFETY 14
    }
}

bool PeerWatch::still_for(const Sign& sign, std::chrono::milliseconds time, BootTime now) const {
    return is_awake(now) && now - sign.since >= time && sign.own_beats * beat_ >= time;
}

bool PeerWatch::is_awake(BootTime now) const {
    return beaten_ && now - *beaten_ < silence_;
}

bool PeerWatch::is_silent(const MemberName& member, BootTime now) const {
    return is_awake(now) && silent_.contains(member);
}

bool PeerWatch::stands_still(const ClusterState& state, const MemberName& member, BootTime now) const {
    const auto sign = signs_.find(member);
    return sign != signs_.end() && sign->second.modified == state.modified(alive_key(member)) &&
           still_for(sign->second, silence_, now) && (pdr_ == nullptr || !pdr_->moves(member, now));
}

bool PeerWatch::may_be_set_down(const ClusterState& state, const MemberName& member, BootTime now) const {
    const auto* record = state.member(member);
    if (record == nullptr || record->state != MemberState::kIsolated) return stands_still(state, member, now);
    return is_awake(now) && (pdr_ == nullptr || !pdr_->moves(member, now));
}

bool PeerWatch::unheard_for(const MemberName& member, Revision alive, std::chrono::milliseconds time,
                            BootTime now) const {
    const auto sign = signs_.find(member);
    return sign != signs_.end() && sign->second.modified == alive && still_for(sign->second, time, now);
}

std::optional<std::chrono::milliseconds> PeerWatch::age(const MemberName& member, BootTime now) const {
    const auto sign = signs_.find(member);
    if (sign == signs_.end() || !sign->second.seen_moving) return std::nullopt;
    return now - sign->second.since;
}

bool PeerWatch::is_coordinator(const ClusterState& state) const {
    for (const auto& [name, record] : state.members()) {
        if (record.value.state != MemberState::kJoined || unheard_.contains(name) || state.fence(name) != nullptr)
            continue;
        return name == own_;
    }
    return false;
}

}  // namespace ssi::cluster
