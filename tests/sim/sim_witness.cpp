#include "tests/sim/sim_witness.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <format>
#include <stdexcept>
#include <utility>

#include "daemons/ssid/state/member_rules.hpp"
#include "tests/sim/sim_cluster.hpp"

namespace ssi::sim {

using namespace std::chrono_literals;
using cluster::WitnessStep;

SimWitness::SimWitness(Cluster& cluster) : cluster_(cluster) {
    lock_.data = MemberSlot::from(1).value();  // as `ssictl pdr format` and a first start leave it
}

bool SimWitness::runs_on(const Host& host) const {
    return std::ranges::contains(runs_, &host);
}

void SimWitness::end_on(const Host& host) {
    if (std::erase(runs_, &host) > 0) cluster_.update_majorities();
}

bool SimWitness::votes_for(const Host& host) const {
    return std::ranges::any_of(runs_, [&](const Host* at) { return host.reaches(*at); });
}

void SimWitness::check() const {
    if (runs_.size() > 1)
        throw std::runtime_error(
            std::format("R3: the witness runs twice at {} ms", cluster_.world.now().time_since_epoch().count()));
}

MemberSlot SimWitness::slot_of(const Host& host) const {
    const auto found = std::ranges::find(cluster_.hosts, &host, [](const auto& one) { return one.get(); });
    return MemberSlot::from(static_cast<int>(found - cluster_.hosts.begin()) + 1).value();
}

Host& SimWitness::at(MemberSlot slot) const {
    return *cluster_.hosts[static_cast<std::size_t>(slot.number() - 1)];
}

pdr::LockParty SimWitness::party(const Host& host) const {
    const auto& life = host.node->membership.life();
    return {slot_of(host), host.name, life ? life->incarnation : Incarnation{}};
}

void SimWitness::note_run(const Host& host) {
    auto& known = known_[host.node];
    if (known.since == BootTime{} || known.holder != lock_.witness || known.run != lock_.run)
        known = {lock_.witness, lock_.run, host.machine.now()};
}

cluster::HolderSigns SimWitness::signs_of(const Host& host, const MemberName& holder) const {
    const auto& pdr = host.node->pdr;
    const auto now = host.machine.now();
    cluster::HolderSigns signs;
    signs.is_silent = pdr.stands_still(holder, now, cluster_.timing.lease + cluster_.timing.beat);
    signs.dead_after = pdr.dead_after(holder);
    const auto* slot = pdr.slot(holder);
    if (signs.dead_after && slot != nullptr && pdr.is_dead_by_time({holder, slot->incarnation}, now))
        signs.still = *signs.dead_after;
    return signs;
}

cluster::HolderSigns SimWitness::signs_of_run(const Host& host) const {
    if (!lock_.witness) return {};
    const auto known = host.machine.now() - known_.at(host.node).since;
    auto signs = signs_of(host, lock_.witness->member);
    signs.still = std::min<Duration>(signs.still, known);
    signs.is_silent = signs.is_silent && known >= cluster_.timing.lease + cluster_.timing.beat;
    return signs;
}

/// As WitnessFacts sees it.
bool SimWitness::may_take_with_majority(const Host& host) const {
    const auto& state = host.node->view.state();
    std::vector<cluster::VoterCandidate> members;
    std::vector<cluster::Seat> seats;
    for (const auto& one : cluster_.hosts) {
        const bool lives = state.joined_life(one->name) && !host.node->watch.unheard().contains(one->name);
        members.push_back({one->name, lives ? cluster::VoterStanding::kLive : cluster::VoterStanding::kUnknown});
        seats.push_back({.member = one->name});
    }
    if (cluster::witness_home(members, seats) != host.name) return false;
    if (!lock_.witness) return true;
    const auto* holder = state.member(lock_.witness->member);
    const bool is_gone = holder != nullptr && holder->state == cluster::MemberState::kDown &&
                         holder->incarnation == lock_.witness->incarnation;
    return is_gone && cluster::is_still_gone(signs_of_run(host));
}

/// As WitnessKeeper's.
cluster::WitnessSituation SimWitness::situation(const Host& host) {
    const auto& node = *host.node;
    cluster::WitnessSituation situation{.own = slot_of(host), .lock = lock_, .life = party(host).incarnation};
    const auto claim = claims_.find(&host);
    situation.claimed = claim != claims_.end() && claim->second == host.boots();
    situation.runs = runs_on(host);
    situation.must_yield = node.membership.has_left();
    if (node.membership.has_majority()) {
        situation.seat = cluster::WitnessSeat::kUsed;
        situation.may_take = may_take_with_majority(host);
    } else if (host.machine.now() - node.began >= cluster_.timing.silence) {
        auto holder = signs_of_run(host);
        if (!holder.is_silent) fenced_.erase(&node);
        holder.is_off = fenced_.contains(&node) && fenced_.at(&node) == lock_.generation;
        situation.may_take = cluster::is_free(lock_, holder);
        situation.may_fence = holder.is_silent && lock_.witness && cluster_.agents > 0 &&
                              cluster::may_fence(node.view.state(), lock_.witness->member);
    }
    const auto& intent = lock_.fencing;
    situation.is_barred = intent && intent->target.slot == situation.own && intent->by.slot != situation.own &&
                          !signs_of(host, intent->by.member).is_silent;
    return situation;
}

void SimWitness::look(Host& host, const cluster::PdrPass& pass) {
    cluster_.update_majorities();
    if (host.node == nullptr || !pass.fresh || fencing_[host.node]) return;
    note_run(host);
    // What the boot before left in the disk's queue has landed by then.
    const auto& timing = cluster_.timing;
    if (host.machine.now().time_since_epoch() < timing.lease + timing.watchdog + 2s) return;
    const auto& intent = lock_.fencing;
    const bool is_left_open = intent && intent->by.slot == slot_of(host) &&
                              !(fenced_.contains(host.node) && fenced_.at(host.node) == lock_.generation) &&
                              !signs_of(host, intent->target.member).is_silent;
    if (is_left_open) return change_lock(host, {0, lock_.witness, lock_.data, std::nullopt, lock_.run});
    act(host, cluster::plan_witness(situation(host)));
}

void SimWitness::act(Host& host, WitnessStep step) {
    switch (step) {
        case WitnessStep::kFence:
            return fence_for(host);
        case WitnessStep::kClaim:
            return claim(host);
        case WitnessStep::kFetch:
        case WitnessStep::kBegin:
        case WitnessStep::kStart:
            return start(host);
        case WitnessStep::kStop:
            return end_on(host);
        case WitnessStep::kRelease:
            change_lock(host, {0, std::nullopt, lock_.data, lock_.fencing, lock_.run});
            claims_.erase(&host);
            return;
        case WitnessStep::kNothing:
            break;
    }
}

void SimWitness::change_lock(const Host& host, pdr::LockRecord next) {
    next.generation = lock_.generation + 1;
    lock_ = std::move(next);
    note_run(host);
}

void SimWitness::claim(Host& host) {
    change_lock(host, {0, party(host), lock_.data, std::nullopt, lock_.run + 1});
    claims_[&host] = host.boots();
    if (lock_.data != slot_of(host) && !runs_on(host)) start(host);
}

void SimWitness::start(Host& host) {
    change_lock(host, {0, lock_.witness, slot_of(host), std::nullopt, lock_.run + 1});
    runs_.push_back(&host);
    cluster_.update_majorities();
}

void SimWitness::fence_for(Host& host) {
    const auto target = *lock_.witness;
    const pdr::FencingIntent intent{party(host), target};
    if (lock_.fencing != intent) change_lock(host, {0, lock_.witness, lock_.data, intent, lock_.run});
    fencing_[host.node] = true;
    boost::asio::co_spawn(
        cluster_.world.executor(),
        [](SimWitness& self, Host& by, Node& node, MemberName name,
           std::uint64_t seen) -> boost::asio::awaitable<void> {
            const auto done = co_await node.agent->off(name);
            self.fencing_[&node] = false;
            if (by.node != &node || self.lock_.generation != seen) co_return;
            if (done && self.signs_of(by, name).is_silent) {
                self.fenced_[&node] = seen;
                self.claim(by);
            } else {
                self.change_lock(by, {0, self.lock_.witness, self.lock_.data, std::nullopt, self.lock_.run});
            }
        }(*this, host, *host.node, target.member, lock_.generation),
        boost::asio::detached);
}

}  // namespace ssi::sim
