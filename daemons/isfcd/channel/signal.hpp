#pragma once
/// Wakes one coroutine when something changed.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "lib/common/no_throw.hpp"

namespace ssi::isfc {

/// For one waiting coroutine on a single-threaded executor: it checks its condition, waits, and checks again. Nothing
/// else runs between the check and the wait, so no notification is lost.
class Signal {
  public:
    using Time = std::chrono::steady_clock::time_point;

    explicit Signal(const boost::asio::any_io_executor& executor) : timer_(executor) {}

    void notify() { timer_.cancel(); }
    /// Until notify(), at the latest until `deadline`.
    boost::asio::awaitable<void> wait(Time deadline = Time::max()) {
        timer_.expires_at(deadline);
        co_await timer_.async_wait(kNoThrow);
    }

  private:
    boost::asio::steady_timer timer_;
};

}  // namespace ssi::isfc
