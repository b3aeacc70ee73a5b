#pragma once
/// Wakes coroutines when something has changed.

#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdint>
#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "lib/common/no_throw.hpp"

namespace ssi {

/// Any number of waiters, one io_context. A waiter passes the count it has seen, so that a change between its look and
/// its wait is never missed.
///
/// Without a timer of asio's, which could do the same: with one, an io_context asks the kernel for events all the time,
/// which took most of the simulation's.
class Notifier {
    using Ended = void(boost::system::error_code);

  public:
    explicit Notifier(boost::asio::any_io_executor executor)
        : executor_(std::move(executor)), all_(boost::asio::use_service<All>(executor_.context())) {
        all_.notifiers.insert(this);
    }
    Notifier(const Notifier&) = delete;
    Notifier& operator=(const Notifier&) = delete;
    ~Notifier() {
        all_.notifiers.erase(this);
        for (auto& one : std::exchange(waiters_, {})) end(std::move(one), boost::asio::error::operation_aborted);
    }

    [[nodiscard]] std::uint64_t count() const { return count_; }

    void notify() {
        ++count_;
        for (auto& one : std::exchange(waiters_, {})) end(std::move(one), {});
        for (auto& one : std::exchange(calls_, {})) boost::asio::post(executor_, std::move(one.act));
    }

    /// Returns when count() is no longer `seen`; early when cancelled, or when the notifier is gone.
    boost::asio::awaitable<void> wait_after(std::uint64_t seen) {
        if (count_ == seen)
            co_await boost::asio::async_initiate<decltype(kNoThrow), Ended>(
                [this](auto resume) { await_change(std::move(resume)); }, kNoThrow);
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
    struct Waiter {
        Ticket ticket;
        boost::asio::any_completion_handler<Ended> resume;
    };

    /// Those of an io_context. When that ends, so do the coroutines that wait, one of which may own its notifier.
    struct All : boost::asio::execution_context::service {
        using key_type = All;
        static inline boost::asio::execution_context::id id;
        explicit All(boost::asio::execution_context& context) : service(context) {}
        void shutdown() override {
            std::vector<std::vector<Waiter>> waiters;
            std::vector<std::vector<Call>> calls;
            for (auto* one : notifiers) {
                waiters.push_back(std::exchange(one->waiters_, {}));
                calls.push_back(std::exchange(one->calls_, {}));
            }
        }
        std::set<Notifier*> notifiers;
    };

    void await_change(boost::asio::any_completion_handler<Ended> resume) {
        const auto ticket = ++last_ticket_;
        if (auto slot = boost::asio::get_associated_cancellation_slot(resume); slot.is_connected())
            slot.assign([this, ticket](boost::asio::cancellation_type) { cancel(ticket); });
        waiters_.push_back({ticket, std::move(resume)});
    }

    void cancel(Ticket ticket) {
        const auto found = std::ranges::find(waiters_, ticket, &Waiter::ticket);
        if (found == waiters_.end()) return;
        auto one = std::move(*found);
        waiters_.erase(found);
        end(std::move(one), boost::asio::error::operation_aborted);
    }

    /// The slot's handler knows this notifier, which may be gone when the waiter's turn comes.
    void end(Waiter one, boost::system::error_code how) {
        if (auto slot = boost::asio::get_associated_cancellation_slot(one.resume); slot.is_connected()) slot.clear();
        boost::asio::post(executor_, boost::asio::append(std::move(one.resume), how));
    }

    boost::asio::any_io_executor executor_;
    All& all_;
    std::vector<Waiter> waiters_;
    std::vector<Call> calls_;
    Ticket last_ticket_ = 0;
    std::uint64_t count_ = 0;
};

}  // namespace ssi
