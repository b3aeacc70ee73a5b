#pragma once
/// The witness's own lease (SAFETY 9, 10): it may run here while this member's slot is seen to be written, whatever the
/// links say. Pure: no clock, no I/O.

#include <chrono>
#include <optional>

#include "daemons/ssid/gate/lease.hpp"

namespace ssi::gate {

class WitnessLease {
  public:
    struct Terms {
        std::chrono::milliseconds lease{};  ///< T_lease
        std::chrono::milliseconds alone{};  ///< How long it may run without an ssid, which alone can give it up.
    };
    /// `now`: ssid has not been seen yet.
    WitnessLease(Terms terms, BootTime now) : terms_(terms), lease_(terms.lease), alone_since_(now) {}

    /// A write of our slot, begun at `begun`, was read back. Nothing else renews it. No effect between its end and the
    /// look that finds nothing running any more.
    void renew(BootTime begun, BootTime now) { lease_.renew(begun, now); }
    /// ssid speaks with the guard, or does not.
    void attend(bool is_there, BootTime now);
    /// To be asked whenever the lease may have run out. `runs`: the witness's process is here. True: kill it now, and
    /// again each time that it is still there.
    [[nodiscard]] bool must_end(bool runs, BootTime now);

    /// When it is over if nobody renews it; none unless held.
    [[nodiscard]] std::optional<BootTime> deadline() const { return lease_.deadline(); }
    /// What the guard must find again after its own restart within one boot; a guard that finds nothing kills.
    [[nodiscard]] Lease::Memory memory() const { return lease_.memory(); }
    void remember(const Lease::Memory& memory) { lease_.remember(memory); }

  private:
    Terms terms_;
    Lease lease_;
    std::optional<BootTime> alone_since_;  ///< None: ssid is there.
};

}  // namespace ssi::gate
