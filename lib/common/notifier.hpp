#pragma once
/// Wakes coroutines when something has changed.

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

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
        for (auto& one : std::exchange(calls_, {})) boost::asio::post(timer_.get_executor(), std::move(one.act));
    }

    /// Returns when count() is no longer `seen`; early when cancelled.
    boost::asio::awaitable<void> wait_after(std::uint64_t seen) {
        if (count_ == seen) co_await timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }

    using Ticket = std::uint64_t;
    /// Calls `act` once, by the executor, when count() moves on; unless it is forgotten before.
    Ticket at_next_change(std::move_only_function<void()> act) {
        calls_.push_back({++last_ticket_, std::move(act)});
        return last_ticket_;
    }
    void forget(Ticket ticket) {
        std::erase_if(calls_, [ticket](const Call& one) { return one.ticket == ticket; });
    }

  private:
    struct Call {
        Ticket ticket;
        std::move_only_function<void()> act;
    };

    boost::asio::steady_timer timer_;
    std::vector<Call> calls_;
    Ticket last_ticket_ = 0;
    std::uint64_t count_ = 0;
};

}  // namespace ssi
