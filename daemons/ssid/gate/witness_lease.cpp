#include "daemons/ssid/gate/witness_lease.hpp"

#include "lib/common/mutation.hpp"

namespace ssi::gate {

void WitnessLease::attend(bool is_there, BootTime now) {
    if (is_there)
        alone_since_.reset();
    else if (!alone_since_)
        alone_since_ = now;
    if (is_there && mutated(Mutation::kWitnessKeptByLinks)) lease_.renew(now, now);
}

bool WitnessLease::must_end(bool runs, BootTime now) {
    static_cast<void>(lease_.expire(now));
    if (!runs) {
        if (lease_.is_expired()) lease_.clear();
        return false;
    }
    // Of a process that no slot write has ever vouched for, nobody knows how long ago the last one was.
    if (lease_.is_expired() || !lease_.deadline()) return true;
    return alone_since_ && now - *alone_since_ >= terms_.alone;
}

}  // namespace ssi::gate
