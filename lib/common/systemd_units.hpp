#pragma once
/// Starting and stopping systemd units, and knowing how that ended.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "lib/common/bus.hpp"
#include "lib/common/error.hpp"

namespace ssi {

/// systemd's manager on the system bus. Runs on the Bus's executor; the Bus must outlive the calls.
class SystemdUnits {
  public:
    explicit SystemdUnits(Bus& bus);

    /// Starts a unit ("ssi-etcd.service") and waits until its job is done; at once when it runs already. Errors:
    /// kSystemFailed with systemd's result, kTimedOut (the job goes on), kDaemonUnreachable.
    boost::asio::awaitable<Result<void>> start(std::string unit, std::chrono::milliseconds timeout);
    /// As start(); a unit that is not loaded is stopped. At once, whatever is to be stopped before it.
    boost::asio::awaitable<Result<void>> stop(std::string unit, std::chrono::milliseconds timeout);

  private:
    struct Jobs;
    boost::asio::awaitable<Result<void>> run_job(std::string method, std::string unit, std::string mode,
                                                 std::chrono::milliseconds timeout);
    Bus& bus_;
    std::shared_ptr<Jobs> jobs_;
};

}  // namespace ssi
