#include "daemons/ssid/membership/peer_watch.hpp"

#include <utility>

namespace ssi::cluster {

PeerWatch::PeerWatch(MemberName own, std::chrono::milliseconds silence, std::chrono::milliseconds beat,
                     std::chrono::milliseconds boot_grace, const PdrWatch* pdr)
    : own_(std::move(own)), silence_(silence), beat_(beat), boot_grace_(boot_grace), pdr_(pdr) {}

void PeerWatch::look(const ClusterState& state, BootTime now) {
    unheard_.clear();
    silent_.clear();
    for (const auto& [name, record] : state.members()) {
        if (name == own_) continue;
        if (record.value.state == MemberState::kDown) {
            signs_.erase(name);
            continue;
        }
        const auto found = state.alive().find(name);
        const auto modified = found == state.alive().end() ? Revision{} : found->second.modified;
        auto [sign, is_new] = signs_.try_emplace(name, Sign{modified, now});
        if (!is_new && sign->second.modified != modified) {
            sign->second = {modified, now, 0, true};
            continue;
        }
        ++sign->second.own_beats;
        if (!still_for(sign->second, sign->second.seen_moving ? silence_ : boot_grace_, now)) continue;
        unheard_.insert(name);
        if (pdr_ == nullptr || pdr_->stands_still(name, now)) silent_.insert(name);
    }
}

bool PeerWatch::still_for(const Sign& sign, std::chrono::milliseconds time, BootTime now) const {
    return now - sign.since >= time && sign.own_beats * beat_ >= time;
}

bool PeerWatch::stands_still(const ClusterState& state, const MemberName& member, BootTime now) const {
    const auto sign = signs_.find(member);
    return sign != signs_.end() && sign->second.modified == state.modified(alive_key(member)) &&
           still_for(sign->second, silence_, now) && (pdr_ == nullptr || !pdr_->moves(member, now));
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
