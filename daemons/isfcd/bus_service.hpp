#pragma once
/// org.kvmssi.Isfc1 on the system bus.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>

#include "daemons/isfcd/control.hpp"
#include "lib/common/bus.hpp"

namespace ssi::isfc {

/// Serves an IsfcControl. The bus may be away, come and go: links do not depend on it. One executor; its coroutine
/// holds it until stop().
class BusService : public std::enable_shared_from_this<BusService> {
  public:
    BusService(const boost::asio::any_io_executor& executor, std::shared_ptr<IsfcControl> control);
    void start();
    void stop();

  private:
    boost::asio::awaitable<void> keep_serving();
    boost::asio::awaitable<Error> serve();

    boost::asio::any_io_executor executor_;
    std::shared_ptr<IsfcControl> control_;
    boost::asio::steady_timer retry_;
    std::optional<Bus> bus_;
    bool stopping_ = false;
};

}  // namespace ssi::isfc
