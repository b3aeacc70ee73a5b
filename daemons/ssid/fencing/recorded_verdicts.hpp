#pragma once
/// What this member has found out about others without a majority: recorded on the PDR, and committed when there is one
/// again (SAFETY 15).

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "daemons/ssid/engine/witness_volume.hpp"
#include "daemons/ssid/membership/cluster_view.hpp"
#include "daemons/ssid/membership/peer_watch.hpp"
#include "lib/common/blocking_calls.hpp"

namespace ssi::cluster {

/// One io_context. Its memory is the verdict block, as the guard's last pass read it.
class RecordedVerdicts {
  public:
    /// `still`: how long a slot has to stand still before its member may be recorded as dead.
    RecordedVerdicts(const MemberConfig& own, std::shared_ptr<WitnessVolume> volume, const PeerWatch& watch,
                     const PdrWatch& pdr, ClusterView& view, Clock& clock, boost::asio::any_io_executor executor,
                     std::chrono::milliseconds still);

    /// This member has recorded that the holder of this lock is off, and since then neither its slot nor the run of the
    /// lock has moved: one that boots anew begins with either, and the slot may have been read before that.
    [[nodiscard]] bool is_off(const pdr::LockRecord& lock) const;
    /// Returns when it is on the volume. Errors: kMemberAlive (its slot moves, or was not watched for long enough),
    /// kMemberUnknown (it never wrote to the PDR), those of the PDR, kTimedOut.
    boost::asio::awaitable<Result<void>> record(MemberName target, pdr::ProofKind proof);
    /// Commits what was recorded, and forgets what is void, or whose member has booted. After each committed beat of a
    /// member; one that finds another under way does nothing.
    boost::asio::awaitable<void> settle();

  private:
    [[nodiscard]] std::vector<pdr::Verdict> ours() const;
    [[nodiscard]] bool has_moved(const pdr::Verdict& verdict) const;
    boost::asio::awaitable<Result<void>> settle_one(pdr::Verdict verdict);
    boost::asio::awaitable<Result<void>> forget(MemberName target);
    boost::asio::awaitable<Result<void>> change(std::string what, WitnessVolume::VerdictChange change);

    MemberName own_;
    MemberSlot slot_;
    std::shared_ptr<WitnessVolume> volume_;
    const PeerWatch& watch_;
    const PdrWatch& pdr_;
    ClusterView& view_;
    Clock& clock_;
    BlockingCalls calls_;
    std::chrono::milliseconds still_;
    bool under_way_ = false;
};

}  // namespace ssi::cluster
