#pragma once
/// Wakes coroutines when something has changed.

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdint>

namespace ssi {

/// Any number of waiters, one io_context. A waiter passes the count it has seen, so that a change between its look and
/// its wait is never missed.
class Notifier {
  public:
    explicit Notifier(const boost::asio::any_io_executor& executor)
        : timer_(executor, boost::asio::steady_timer::time_point::max()) {}

    [[nodiscard]] std::uint64_t count() const { return count_; }

    void notify() {
        ++count_;
        timer_.cancel();
    }

    /// Returns when count() is no longer `seen`; early when cancelled.
    boost::asio::awaitable<void> wait_after(std::uint64_t seen) {
        if (count_ == seen) co_await timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }

  private:
    boost::asio::steady_timer timer_;
    std::uint64_t count_ = 0;
};

}  // namespace ssi
