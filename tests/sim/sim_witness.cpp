#include "tests/sim/sim_witness.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

#include "daemons/ssid/state/member_rules.hpp"
#include "tests/sim/sim_cluster.hpp"

namespace ssi::sim {

using namespace std::chrono_literals;

bool SimWitness::serves() const {
    // SAFETY 9: only the holder's slot writes keep it alive.
    return holder_ != nullptr && holder_->is_up() && !holder_->machine.is_frozen() && holder_->boots() == boot_ &&
           cluster_.world.now() - holder_->slot_moved < cluster_.timing.lease;
}

bool SimWitness::votes_for(const Host& host) const {
    return serves() && host.reaches(*holder_);
}

void SimWitness::take(Host& host) {
    holder_ = &host;
    boot_ = host.boots();
    since_ = cluster_.world.now();
    cluster_.update_majorities();
}

/// As WitnessFacts and WitnessKeeper see them.
cluster::HolderSigns SimWitness::signs_for(const Host& host) const {
    const auto& node = *host.node;
    const auto& timing = cluster_.timing;
    const auto now = cluster_.world.now();
    const auto& name = holder_->name;
    const auto known = now - std::max(since_, node.began);
    cluster::HolderSigns signs;
    signs.is_silent =
        known >= timing.lease + timing.beat && node.pdr.stands_still(name, now, timing.lease + timing.beat);
    signs.dead_after = node.pdr.dead_after(name);
    const auto* slot = node.pdr.slot(name);
    if (signs.dead_after && slot != nullptr && node.pdr.is_dead_by_time({name, slot->incarnation}, now))
        signs.still = std::min<Duration>(known, *signs.dead_after);
    return signs;
}

bool SimWitness::may_take(const Host& host) const {
    const auto& node = *host.node;
    if (holder_ == nullptr) return true;
    const auto signs = signs_for(host);
    if (node.membership.has_majority()) {
        const auto* record = node.view.state().member(holder_->name);
        return record != nullptr && record->state == cluster::MemberState::kDown && cluster::is_still_gone(signs);
    }
    pdr::LockRecord lock;
    lock.witness = pdr::LockParty{{}, holder_->name, {}};
    return cluster::is_free(lock, signs);
}

void SimWitness::look(Host& host, const cluster::PdrPass& pass) {
    cluster_.update_majorities();
    const auto& timing = cluster_.timing;
    if (host.node == nullptr || !pass.fresh) return;
    const auto& node = *host.node;
    const auto now = cluster_.world.now();
    // A new boot waits until nothing of the one before it can land on the PDR.
    if (now - host.booted < timing.lease + timing.watchdog + 2s || now - node.began < timing.silence) return;
    if (holder_ == &host) {
        if (node.membership.has_left())
            holder_ = nullptr;
        else if (boot_ != host.boots())
            take(host);
        return;
    }
    if (node.membership.has_left()) return;
    if (may_take(host)) return take(host);
    const bool may_fence = !node.membership.has_majority() && node.membership.life() && !fencing_ &&
                           cluster::may_fence(node.view.state(), holder_->name);
    if (may_fence && cluster_.agents > 0 && signs_for(host).is_silent) fence_for(host);
}

void SimWitness::fence_for(Host& host) {
    fencing_ = true;
    boost::asio::co_spawn(
        cluster_.world.executor(),
        [](SimWitness& self, Host& by, Node& node, Host& target) -> boost::asio::awaitable<void> {
            const auto done = co_await node.agent->off(target.name);
            self.fencing_ = false;
            const bool is_current = by.node == &node && self.holder_ == &target;
            if (done && is_current && self.signs_for(by).is_silent) self.take(by);
        }(*this, host, *host.node, *holder_),
        boost::asio::detached);
}

}  // namespace ssi::sim
