#pragma once
/// When this member is alone: the cluster's word for it, and what its slot is to say (SAFETY 3).
///
///     all others Down -> cluster/lone is committed, nobody joins -> the slot says LONE, no lease is needed
///     one wants to join -> a lease is needed, the slot does not say so -> cluster/lone is taken back, it joins

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>

#include "daemons/ssid/membership/membership.hpp"
#include "daemons/ssid/membership/pdr_watch.hpp"

namespace ssi::cluster {

/// One io_context. Only for a cluster with a PDR.
class LoneKeeper {
  public:
    /// `patience`: alone for so long, for those who boot together shall not wait for each other.
    LoneKeeper(Membership& membership, ClusterView& view, const PdrWatch& pdr, Clock& clock,
               std::chrono::milliseconds patience);

    /// What the guard is to be told; none: it is not known here, and what was said last stays.
    [[nodiscard]] std::optional<bool> alone() const;
    /// Takes the next step, if there is one. After each committed beat; one that finds another under way does nothing.
    boost::asio::awaitable<void> step();

  private:
    boost::asio::awaitable<Result<void>> commit_next(MemberLife life);
    [[nodiscard]] bool slot_is_clear() const;

    Membership& membership_;
    ClusterView& view_;
    const PdrWatch& pdr_;
    Clock& clock_;
    std::chrono::milliseconds patience_;
    std::optional<BootTime> alone_since_;
    bool under_way_ = false;
};

}  // namespace ssi::cluster
