#pragma once
/// Calls that block, out of the io_context's way: each on a thread of its own, so that one that hangs holds up no
/// other, and awaited no longer than its deadline.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <format>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "lib/common/error.hpp"
#include "lib/common/no_throw.hpp"

namespace ssi {

/// Used on one io_context, which must outlive it. A thread that hangs may outlive both: what it brings home is dropped.
class BlockingCalls {
  public:
    using Deadline = std::chrono::steady_clock::time_point;
    /// Runs on its thread; must not touch what lives on the io_context. Gives up by itself when it comes to its point
    /// of no return after the deadline: nobody waits for it any more.
    template <class T>
    using Work = std::function<Result<T>(Deadline)>;

    /// `at_most`: calls under way for one target, those that hang included.
    BlockingCalls(boost::asio::any_io_executor executor, int at_most)
        : executor_(executor), at_most_(at_most), door_(std::make_shared<Door>(executor)) {}
    BlockingCalls(const BlockingCalls&) = delete;
    BlockingCalls& operator=(const BlockingCalls&) = delete;
    ~BlockingCalls() {
        const std::lock_guard lock(door_->mutex);
        door_->open = false;
    }

    /// Errors: the work's own; kTimedOut at the deadline (whether the work gets done is then not known); kSystemFailed
    /// when too many calls hang. `what` names the call in these.
    template <class T>
    boost::asio::awaitable<Result<T>> run(std::string target, std::string what, std::chrono::milliseconds timeout,
                                          Work<T> work) {
        const auto under_way = under_way_;
        if ((*under_way)[target] >= at_most_)
            co_return failure(ErrorCode::kSystemFailed,
                              std::format("cannot {}: {} calls to {} hang", what, at_most_, target), target);
        const auto outcome = std::make_shared<Outcome<T>>(executor_, timeout);
        auto thread = [door = door_, under_way = std::weak_ptr(under_way), outcome = std::weak_ptr(outcome),
                       deadline = outcome->ended.expiry(), target, work = std::move(work)] {
            door->deliver([under_way, outcome, target, result = work(deadline)]() mutable {
                if (const auto counts = under_way.lock()) --(*counts)[target];
                const auto waiting = outcome.lock();
                if (!waiting) return;
                waiting->result = std::move(result);
                waiting->ended.cancel();
            });
        };
        try {
            std::thread(std::move(thread)).detach();
        } catch (const std::system_error& error) {
            co_return system_failure(std::format("cannot {}: no thread", what), target, error.code().value());
        }
        ++(*under_way)[target];
        co_await outcome->ended.async_wait(kNoThrow);
        if (outcome->result) co_return std::move(*outcome->result);
        co_return failure(ErrorCode::kTimedOut, std::format("cannot {}: no answer within {}", what, timeout), target);
    }

  private:
    template <class T>
    struct Outcome {
        Outcome(const boost::asio::any_io_executor& executor, std::chrono::milliseconds timeout)
            : ended(executor, timeout) {}
        boost::asio::steady_timer ended;
        std::optional<Result<T>> result;
    };

    /// Through it threads reach the io_context, until it is shut.
    struct Door {
        explicit Door(boost::asio::any_io_executor to) : executor(std::move(to)) {}
        template <class Delivery>
        void deliver(Delivery delivery) {
            const std::lock_guard lock(mutex);
            if (open) boost::asio::post(executor, std::move(delivery));
        }
        std::mutex mutex;
        bool open = true;  // guarded by mutex
        boost::asio::any_io_executor executor;
    };

    boost::asio::any_io_executor executor_;
    int at_most_;
    std::shared_ptr<Door> door_;
    /// By target; on the io_context only.
    std::shared_ptr<std::map<std::string, int>> under_way_ = std::make_shared<std::map<std::string, int>>();
};

}  // namespace ssi
