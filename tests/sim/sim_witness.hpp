#pragma once
/// The witness of a simulated cluster, in short: its lock is decided at once and its data are everywhere (what can go
/// wrong with those is tests/model/witness.pml's). Who may take it, and when it votes, is as in ssid and ssi-guard.

#include <optional>

#include "daemons/ssid/engine/witness_plan.hpp"
#include "daemons/ssid/gate/guard_link.hpp"
#include "lib/common/clock.hpp"

namespace ssi::sim {

class Cluster;
class Host;

class SimWitness {
  public:
    explicit SimWitness(Cluster& cluster) : cluster_(cluster) {}

    /// After each pass of a host over the PDR.
    void look(Host& host, const cluster::PdrPass& pass);
    /// It serves where this host reaches it.
    [[nodiscard]] bool votes_for(const Host& host) const;
    [[nodiscard]] const Host* holder() const { return holder_; }

  private:
    [[nodiscard]] bool serves() const;
    [[nodiscard]] cluster::HolderSigns signs_for(const Host& host) const;
    [[nodiscard]] bool may_take(const Host& host) const;
    void take(Host& host);
    void fence_for(Host& host);

    Cluster& cluster_;
    Host* holder_ = nullptr;
    int boot_ = 0;      ///< Of the holder, that claimed it.
    BootTime since_{};  ///< Its run is known.
    bool fencing_ = false;
};

}  // namespace ssi::sim
