#pragma once
/// Starting and stopping one systemd unit; simulated in tests.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>

#include "lib/common/error.hpp"
#include "lib/common/systemd_units.hpp"

namespace ssi::cluster {

class UnitControl {
  public:
    virtual ~UnitControl() = default;
    /// Waits, bounded, until systemd has started it; at once when it runs already. Errors: kSystemFailed, kTimedOut,
    /// kDaemonUnreachable.
    virtual boost::asio::awaitable<Result<void>> start(std::string unit) = 0;
    /// Waits, bounded, until all its processes have ended; at once when it does not run. Errors as of start().
    virtual boost::asio::awaitable<Result<void>> stop(std::string unit) = 0;
};

/// systemd's own.
class SystemdUnitControl final : public UnitControl {
  public:
    explicit SystemdUnitControl(SystemdUnits& units) : units_(units) {}
    boost::asio::awaitable<Result<void>> start(std::string unit) override {
        return units_.start(std::move(unit), kJobTimeout);
    }
    boost::asio::awaitable<Result<void>> stop(std::string unit) override {
        return units_.stop(std::move(unit), kJobTimeout);
    }

  private:
    static constexpr std::chrono::seconds kJobTimeout{20};  // twice TimeoutStartSec and TimeoutStopSec of ssi-etcd
    SystemdUnits& units_;
};

}  // namespace ssi::cluster
