#pragma once
/// Sees that this member's etcd runs as system.toml says, and never with a past it has lost.

#include <boost/asio/awaitable.hpp>
#include <string>

#include "daemons/ssid/engine/etcd_config.hpp"
#include "daemons/ssid/engine/unit_control.hpp"
#include "lib/common/error.hpp"
#include "lib/common/names.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::cluster {

inline constexpr auto kEtcdUnit = "ssi-etcd.service";

/// The unit's own Restart= brings a crashed etcd back; ssid's restart or crash does not touch it (R8).
class EtcdDirector {
  public:
    EtcdDirector(const SystemConfig& config, MemberName own, UnitControl& units, EtcdPlaces places = {});

    /// Voter: makes the working directory with its links, and starts etcd, or restarts it if its configuration has
    /// changed, or leaves it alone. Not a voter: stops it if it runs. Does not wait for a majority; blocks for the
    /// disk. Errors: kEngineFailed when this member has voted before and its data is gone (it could give its votes a
    /// second time and so undo what was committed, R3), or the data is another cluster's; those of UnitControl.
    boost::asio::awaitable<Result<void>> bring_up();

    /// For an orderly leave.
    boost::asio::awaitable<Result<void>> take_down();

  private:
    Result<void> prepare_directories() const;
    Result<void> check_past() const;
    Result<void> write_marker() const;

    const SystemConfig& config_;
    MemberName own_;
    UnitControl& units_;
    EtcdPlaces places_;
};

}  // namespace ssi::cluster
