#include "lib/common/notifier.hpp"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <list>
#include <optional>

namespace ssi {
namespace {

namespace asio = boost::asio;

class NotifierTest : public ::testing::Test {
  protected:
    /// Spawns a waiter that has seen `seen`, and lets it begin to wait.
    void wait_after(std::uint64_t seen) {
        asio::co_spawn(context_, notifier_->wait_after(seen),
                       asio::bind_cancellation_slot(cancel_.emplace_back().slot(),
                                                    [this](const std::exception_ptr&) { ++ended_; }));
        go_on();
    }
    void go_on() {
        context_.restart();
        context_.poll();
    }

    asio::io_context context_;
    std::optional<Notifier> notifier_{context_.get_executor()};
    std::list<asio::cancellation_signal> cancel_;  // one for each waiter
    int ended_ = 0;
};

TEST_F(NotifierTest, wakes_all_who_wait_and_once_only) {
    wait_after(0);
    wait_after(0);
    EXPECT_EQ(ended_, 0);
    notifier_->notify();
    EXPECT_EQ(ended_, 0) << "they run in turn, not in the midst of what tells them";
    go_on();
    EXPECT_EQ(ended_, 2);
    notifier_->notify();
    go_on();
    EXPECT_EQ(ended_, 2);
}

TEST_F(NotifierTest, lets_nobody_wait_for_what_has_happened_since_he_looked) {
    const auto seen = notifier_->count();
    notifier_->notify();
    wait_after(seen);
    EXPECT_EQ(ended_, 1);
}

TEST_F(NotifierTest, lets_go_one_who_is_cancelled) {
    wait_after(0);
    cancel_.back().emit(asio::cancellation_type::terminal);
    go_on();
    EXPECT_EQ(ended_, 1);
    notifier_->notify();
    go_on();
    EXPECT_EQ(ended_, 1);
}

TEST_F(NotifierTest, lets_all_go_when_it_ends_and_is_not_asked_for_by_one_who_is_cancelled_then) {
    wait_after(0);
    notifier_.reset();
    cancel_.back().emit(asio::cancellation_type::terminal);
    go_on();
    EXPECT_EQ(ended_, 1);
}

TEST_F(NotifierTest, ends_with_the_io_context_even_where_its_own_waiter_owns_it) {
    asio::co_spawn(
        context_,
        [](asio::any_io_executor executor) -> asio::awaitable<void> {
            Notifier own(executor);
            co_await own.wait_after(0);
        }(context_.get_executor()),
        [](const std::exception_ptr&) {});
    go_on();
}

TEST_F(NotifierTest, calls_once_what_is_to_be_called_at_the_next_change_unless_it_is_forgotten) {
    int called = 0;
    notifier_->at_next_change([&called] { ++called; });
    notifier_->forget(notifier_->at_next_change([&called] { called += 100; }));
    notifier_->notify();
    notifier_->notify();
    go_on();
    EXPECT_EQ(called, 1);
}

}  // namespace
}  // namespace ssi
