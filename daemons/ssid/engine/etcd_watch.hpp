#pragma once
/// The stream of changes from etcd's gateway.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemons/ssid/engine/engine.hpp"
#include "daemons/ssid/engine/gateway_pool.hpp"

namespace ssi::cluster {

/// Connects at the first next(). All changes of one revision come in one batch. Ends with kNoMajority when its etcd
/// goes, loses its leader for three elections, or gives no sign of life for `silence` (its own are promised every
/// kWatchProgress, see etcd_config); with kEngineFailed when the changes asked for were compacted. The error is then
/// the answer to every further next(). A next() that is cancelled ends nothing: call it again.
class EtcdWatch final : public Watch {
  public:
    EtcdWatch(std::shared_ptr<GatewayPool> pool, std::string prefix, Revision after, std::chrono::milliseconds silence);
    boost::asio::awaitable<Result<std::vector<Change>>> next() override;

  private:
    boost::asio::awaitable<Result<void>> open();
    std::unexpected<Error> end(Error error);
    std::unexpected<Error> lost(const TransportFailure& why);

    std::shared_ptr<GatewayPool> pool_;
    std::string prefix_;
    Revision after_;
    std::chrono::milliseconds silence_;
    GatewayPool::Lease lease_;
    std::optional<Error> ended_;
};

}  // namespace ssi::cluster
