// Who moves bytes next on the daemon's one thread.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <string>

#include "daemons/isfcd/turns.hpp"

namespace ssi::isfc {
namespace {

namespace asio = boost::asio;

class TurnsTest : public testing::Test {
  protected:
    asio::io_context context{1};
    Turns turns{context.get_executor()};
    std::string order;

    /// Asks for so many turns, one after the other, and writes down each.
    void mover(char name, int count, bool goes_first = false) {
        asio::co_spawn(
            context,
            [this, name, count, goes_first]() -> asio::awaitable<void> {
                for (int i = 0; i < count; ++i) {
                    co_await turns.take(goes_first);
                    order += name;
                }
            },
            asio::detached);
    }
};

TEST_F(TurnsTest, each_has_a_turn_before_anyone_has_the_next) {
    mover('a', 3);
    mover('b', 3);
    mover('c', 3);
    context.run();
    EXPECT_EQ(order, "abcabcabc");
}

TEST_F(TurnsTest, what_goes_first_waits_for_one_turn_at_most) {
    for (int i = 0; i < 20; ++i) mover('b', 5);
    asio::co_spawn(
        context,
        [this]() -> asio::awaitable<void> {
            while (order.size() < 40) co_await turns.take(false);
            const auto before = order.size();
            co_await turns.take(true);
            EXPECT_LE(order.size(), before + 1);
        },
        asio::detached);
    context.run();
    EXPECT_EQ(order.size(), 100U);
}

TEST_F(TurnsTest, event_loop_looks_around_between_two_turns) {
    for (int i = 0; i < 20; ++i) mover('b', 1);
    asio::co_spawn(
        context,
        [this]() -> asio::awaitable<void> {
            for (int i = 0; i < 10; ++i) {
                const auto before = order.size();
                co_await asio::post(context, asio::use_awaitable);
                EXPECT_LE(order.size(), before + 1);
            }
        },
        asio::detached);
    context.run();
}

TEST_F(TurnsTest, more_may_wait_than_ever_before) {
    for (int i = 0; i < 1'000; ++i) mover('x', 2);
    context.run();
    EXPECT_EQ(order.size(), 2'000U);
}

TEST_F(TurnsTest, who_still_waits_at_the_end_is_dropped) {
    mover('a', 2);
    mover('b', 2);
    context.run_one();
    context.run_one();
    EXPECT_LT(order.size(), 4U);
}

TEST(Turns, nobody_who_waits_at_the_end_of_the_event_loop_is_kept) {
    std::weak_ptr<Turns> seen;
    {
        asio::io_context context{1};
        const auto turns = std::make_shared<Turns>(context.get_executor());
        seen = turns;
        // As a channel or a stream does: it holds what it waits for.
        asio::co_spawn(context, [turns]() -> asio::awaitable<void> { co_await turns->take(false); }, asio::detached);
        context.run_one();
    }
    EXPECT_TRUE(seen.expired());
}

}  // namespace
}  // namespace ssi::isfc
