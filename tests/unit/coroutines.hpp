#pragma once
/// Running coroutines to their end in a test.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

namespace ssi::test {

/// Runs the loop until the coroutine has ended; throws if that takes over `limit`.
template <class T>
T run(boost::asio::io_context& io, boost::asio::awaitable<T> coroutine,
      std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    // Shared: a coroutine that did not end in time ends later.
    struct State {
        std::optional<T> result;
        std::exception_ptr exception;
        bool ended = false;
    };
    const auto state = std::make_shared<State>();
    boost::asio::co_spawn(io, std::move(coroutine), [state](std::exception_ptr exception, T value) {
        state->exception = exception;
        state->result = std::move(value);
        state->ended = true;
    });
    const auto deadline = std::chrono::steady_clock::now() + limit;
    io.restart();
    while (!state->ended && io.run_one_until(deadline) > 0) {
    }
    if (state->exception) std::rethrow_exception(state->exception);
    if (!state->ended) throw std::runtime_error("the coroutine did not end in time");
    return std::move(*state->result);
}

/// Runs the loop until the condition holds; false if that takes over `limit`.
template <class Condition>
bool run_until(boost::asio::io_context& io, Condition condition,
               std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    io.restart();
    while (!condition() && io.run_one_until(deadline) > 0) {
    }
    return condition();
}

}  // namespace ssi::test
