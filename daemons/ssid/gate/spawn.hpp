#pragma once
/// Starts a coroutine that nobody waits for.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

namespace ssi::gate {

/// An exception ends the process: Asio's `detached` would swallow it, and a daemon that has lost a coroutine is worse
/// than one that systemd starts again.
template <class Executor>
void spawn(const Executor& executor, boost::asio::awaitable<void> task) {
    boost::asio::co_spawn(executor, std::move(task), [](std::exception_ptr thrown) {
        if (thrown) std::rethrow_exception(thrown);
    });
}

}  // namespace ssi::gate
