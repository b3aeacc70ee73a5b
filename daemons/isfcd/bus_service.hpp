#pragma once
/// org.kvmssi.Isfc1 on the system bus.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>

#include "daemons/isfcd/control.hpp"
#include "lib/common/bus.hpp"

namespace ssi::isfc {

/// Serves an IsfcControl. The bus may be away, come and go: links do not depend on it. One executor; its coroutine
/// holds it until stop().
class BusService : public std::enable_shared_from_this<BusService> {
  public:
    /// `address`: of the bus; empty: the system's.
    BusService(const boost::asio::any_io_executor& executor, std::shared_ptr<IsfcControl> control,
               std::string address = {});
    void start();
    void stop();

  private:
    boost::asio::awaitable<void> keep_serving();
    boost::asio::awaitable<Error> serve();
    void tell(const IsfcEvent& event);

    boost::asio::any_io_executor executor_;
    std::shared_ptr<IsfcControl> control_;
    std::string address_;
    boost::asio::steady_timer retry_;
    std::optional<Bus> bus_;
    bool stopping_ = false;
};

}  // namespace ssi::isfc
