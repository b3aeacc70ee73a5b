// How much a channel lets wait in its socket.
#include <gtest/gtest.h>

#include "daemons/isfcd/channel/socket_budget.hpp"

namespace ssi::isfc {
namespace {

using namespace std::chrono_literals;

/// A connection that the kernel samples every 10 ms.
class Connection {
  public:
    SocketBudget budget;

    /// `bytes_per_second` are acknowledged for so long; the sizes that are set, if any, end with budget.size().
    int carries(double bytes_per_second, std::chrono::milliseconds time, bool full = true) {
        int changes = 0;
        for (; time > 0ms; time -= 10ms) {
            now_ += 10ms;
            acknowledged_ += bytes_per_second / 100;
            if (budget.update({now_, 500us, static_cast<std::uint64_t>(acknowledged_)}, full)) ++changes;
        }
        return changes;
    }

  private:
    std::chrono::steady_clock::time_point now_{1h};
    double acknowledged_ = 0;
};

TEST(SocketBudget, socket_holds_what_the_link_carries_in_a_short_time) {
    Connection connection;
    connection.carries(100e6, 1s);
    EXPECT_GE(connection.budget.size(), 100'000'000U / 2'000);  // the round trip
    EXPECT_LE(connection.budget.size(), 100'000'000U / 1'000 * 2);
}

TEST(SocketBudget, size_stays_within_bounds) {
    Connection slow, fast;
    slow.carries(1'000, 1s);
    EXPECT_EQ(slow.budget.size(), SocketBudget::kLeast);
    fast.carries(50e9, 1s);
    EXPECT_EQ(fast.budget.size(), SocketBudget::kMost);
}

TEST(SocketBudget, small_changes_cost_no_system_call) {
    Connection connection;
    connection.carries(100e6, 1s);
    EXPECT_EQ(connection.carries(102e6, 1s), 0);
    EXPECT_EQ(connection.carries(98e6, 1s), 0);
}

TEST(SocketBudget, rate_of_a_sender_with_little_to_send_does_not_shrink_it) {
    Connection connection;
    connection.carries(400e6, 1s);
    const auto size = connection.budget.size();
    connection.carries(1e6, 10s, false);
    EXPECT_EQ(connection.budget.size(), size);
}

TEST(SocketBudget, a_link_that_becomes_slower_or_faster_is_followed_within_a_few_samples) {
    Connection connection;
    connection.carries(400e6, 1s);
    const auto fast = connection.budget.size();
    connection.carries(40e6, 150ms);
    EXPECT_LT(connection.budget.size(), fast / 4);
    connection.carries(400e6, 10ms);
    EXPECT_EQ(connection.budget.size(), fast);
}

TEST(SocketBudget, a_channel_that_is_kept_clear_takes_bulk_only_while_nothing_waits_for_the_link) {
    Connection connection;
    connection.carries(100e6, 1s);
    constexpr std::size_t kOnTheWay = 50'000;  // 100 MB/s for the round trip of 500 us
    EXPECT_NEAR(static_cast<double>(connection.budget.clear_allowance(kOnTheWay)), 10'000, 100);
    EXPECT_EQ(connection.budget.clear_allowance(kOnTheWay + 10'000), 0U);
    EXPECT_NEAR(static_cast<double>(connection.budget.time_to_clear(kOnTheWay + 10'000).count()), 100, 2);
}

TEST(SocketBudget, a_slow_channel_that_is_kept_clear_still_takes_frames_that_are_worth_it) {
    Connection connection;
    connection.carries(1e6, 1s);
    EXPECT_EQ(connection.budget.clear_allowance(0), SocketBudget::kLeastClear);
}

}  // namespace
}  // namespace ssi::isfc
