#pragma once
/// The witness of a simulated cluster: each host decides with the real plan and the real lease, as WitnessKeeper and
/// WitnessGuard do around them. In short: a change of its lock is decided at once, and the data behind it are the
/// engine's one store (what can go wrong with those is tests/model/witness.pml's).

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "daemons/ssid/engine/witness_plan.hpp"
#include "daemons/ssid/gate/guard_link.hpp"
#include "lib/common/clock.hpp"
#include "lib/common/pdr/lock_record.hpp"

namespace ssi::sim {

class Cluster;
class Host;
class Node;

class SimWitness {
  public:
    explicit SimWitness(Cluster& cluster);

    /// After each pass of a host over the PDR.
    void look(Host& host, const cluster::PdrPass& pass);
    /// Its process is on this host, which may stand still.
    [[nodiscard]] bool runs_on(const Host& host) const;
    /// As the guard, or the power, ends it.
    void end_on(const Host& host);
    /// It serves where this host reaches it.
    [[nodiscard]] bool votes_for(const Host& host) const;
    /// R3: one seat never votes in two places. Throws otherwise.
    void check() const;

  private:
    /// The run of the witness that the lock tells of, and since when an ssid knows of it.
    struct Known {
        std::optional<pdr::LockParty> holder;
        std::uint64_t run = 0;
        BootTime since{};
    };
    void note_run(const Host& host);
    [[nodiscard]] MemberSlot slot_of(const Host& host) const;
    [[nodiscard]] Host& at(MemberSlot slot) const;
    [[nodiscard]] pdr::LockParty party(const Host& host) const;
    [[nodiscard]] cluster::HolderSigns signs_of(const Host& host, const MemberName& holder) const;
    [[nodiscard]] cluster::HolderSigns signs_of_run(const Host& host) const;
    [[nodiscard]] bool may_take_with_majority(const Host& host) const;
    [[nodiscard]] cluster::WitnessSituation situation(const Host& host);
    void act(Host& host, cluster::WitnessStep step);
    void change_lock(const Host& host, pdr::LockRecord next);
    void claim(Host& host);
    void start(Host& host);
    void fence_for(Host& host);

    Cluster& cluster_;
    pdr::LockRecord lock_;
    std::vector<const Host*> runs_;
    std::map<const Host*, int> claims_;            ///< The boot of a host that won the lock.
    std::map<const Node*, Known> known_;           ///< To each ssid.
    std::map<const Node*, std::uint64_t> fenced_;  ///< Generation of the intent whose target is off.
    std::map<const Node*, bool> fencing_;
};

}  // namespace ssi::sim
