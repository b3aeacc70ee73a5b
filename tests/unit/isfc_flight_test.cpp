// The small pure parts of a link: what a channel carries, who sends next, how large windows become.
#include <gtest/gtest.h>

#include "daemons/isfcd/link/flight.hpp"
#include "daemons/isfcd/link/send_queue.hpp"
#include "daemons/isfcd/link/window_budget.hpp"

namespace ssi::isfc {
namespace {

using namespace std::chrono_literals;
constexpr Time kStart{1h};

FlyingFrame frame(std::uint64_t offset, Time sent = kStart) {
    return {.stream = 1, .offset = offset, .length = 100, .sent = sent};
}

// --- Flight ---

TEST(Flight, count_of_arrived_frames_says_which_are_still_under_way) {
    Flight flight;
    for (std::uint64_t i = 0; i < 5; ++i) flight.sent(frame(i * 100));
    ASSERT_TRUE(flight.arrived(2, kStart));
    EXPECT_EQ(flight.oldest().offset, 200U);
    EXPECT_EQ(flight.bytes(), 300U);
    ASSERT_TRUE(flight.arrived(5, kStart));
    EXPECT_TRUE(flight.is_empty());
    EXPECT_EQ(flight.bytes(), 0U);
}

TEST(Flight, count_of_more_than_was_sent_or_less_than_was_told_is_refused) {
    Flight flight;
    for (std::uint64_t i = 0; i < 5; ++i) flight.sent(frame(i * 100));
    EXPECT_FALSE(flight.arrived(6, kStart));
    ASSERT_TRUE(flight.arrived(3, kStart));
    EXPECT_TRUE(flight.arrived(3, kStart));
    EXPECT_FALSE(flight.arrived(2, kStart));
}

TEST(Flight, frames_stay_in_order_when_many_are_sent_and_arrive) {
    Flight flight;
    std::uint64_t sent = 0;
    for (std::uint64_t arrived = 0; arrived < 10'000; arrived += 7) {
        while (sent < arrived + 100) flight.sent(frame(sent++));
        ASSERT_TRUE(flight.arrived(arrived, kStart));
        ASSERT_EQ(flight.oldest().offset, arrived);
        ASSERT_EQ(flight.frames().size(), sent - arrived);
    }
}

TEST(Flight, patience_follows_the_delay_within_bounds) {
    Flight flight;
    EXPECT_EQ(flight.patience(), 12ms);
    std::uint64_t count = 0;
    const auto deliver_after = [&](std::chrono::milliseconds delay) {
        for (int i = 0; i < 100; ++i) {
            flight.sent(frame(0));
            ASSERT_TRUE(flight.arrived(++count, kStart + delay));
        }
    };
    deliver_after(1ms);
    EXPECT_EQ(flight.patience(), 12ms);
    deliver_after(10ms);
    EXPECT_GT(flight.patience(), 30ms);
    EXPECT_LE(flight.patience(), 40ms);
    deliver_after(1000ms);
    EXPECT_EQ(flight.patience(), 200ms);
}

// --- SendQueue ---

using enum StreamClass;

std::vector<StreamId> order(SendQueue& queue) {
    std::vector<StreamId> streams;
    while (const auto turn = queue.next(true, true)) streams.push_back(turn->stream);
    return streams;
}

TEST(SendQueue, classes_go_before_each_other_and_streams_take_turns) {
    SendQueue queue;
    for (const StreamId stream : {31, 32}) queue.enqueue(kBulk, stream);
    for (const StreamId stream : {21, 22}) queue.enqueue(kInteractive, stream);
    queue.enqueue(kControl, 11);
    EXPECT_EQ(order(queue), (std::vector<StreamId>{11, 21, 22, 31, 32}));
    EXPECT_TRUE(queue.is_empty());
}

TEST(SendQueue, what_must_be_sent_again_goes_first_in_its_class) {
    SendQueue queue;
    queue.enqueue(kInteractive, 21);
    queue.enqueue(kBulk, 31);
    queue.resend(kBulk, {32, 5'000, 100});
    ASSERT_EQ(queue.next(true, true)->stream, 21U);
    const auto again = queue.next(true, true);
    ASSERT_TRUE(again && again->again);
    EXPECT_EQ(again->again->offset, 5'000U);
    EXPECT_EQ(again->stream_class, kBulk);
    EXPECT_EQ(queue.next(true, true)->stream, 31U);
}

TEST(SendQueue, bulk_does_not_starve_behind_interactive) {
    SendQueue queue;
    int bulk = 0;
    queue.enqueue(kInteractive, 21);
    queue.enqueue(kBulk, 31);
    for (int i = 0; i < 1'600; ++i) {
        const auto turn = *queue.next(true, true);
        bulk += turn.stream_class == kBulk ? 1 : 0;
        queue.enqueue(turn.stream_class, turn.stream);
    }
    EXPECT_GE(bulk, 50);
    EXPECT_LE(bulk, 200);
}

// --- WindowBudget ---

TEST(WindowBudget, windows_stay_within_the_memory_but_for_the_least_of_each) {
    constexpr std::size_t kMemory = 4 << 20;
    constexpr std::size_t kStreams = 1'000;
    WindowBudget budget(kMemory);
    std::size_t sum = 0;
    for (std::size_t i = 0; i < kStreams; ++i) {
        const auto window = budget.open();
        EXPECT_GE(window, WindowBudget::kLeast);
        EXPECT_LE(window, WindowBudget::kFirst);
        sum += window;
    }
    EXPECT_LE(sum, kMemory + kStreams * WindowBudget::kLeast);
}

TEST(WindowBudget, window_grows_up_to_a_part_of_the_memory_and_is_given_back) {
    constexpr std::size_t kMemory = 64 << 20;
    WindowBudget budget(kMemory);
    auto window = budget.open();
    for (int i = 0; i < 20; ++i) window = budget.grow(window);
    EXPECT_GE(window, kMemory / 8);
    EXPECT_LE(window, kMemory / 4);
    budget.close(window);
    EXPECT_EQ(budget.open(), WindowBudget::kFirst);
}

TEST(WindowBudget, large_windows_shrink_when_the_memory_is_short) {
    WindowBudget budget(8 << 20);
    auto window = budget.open();
    for (int i = 0; i < 20; ++i) window = budget.grow(window);
    EXPECT_EQ(budget.shrink(window), window);  // nobody else wants it
    for (int i = 0; i < 100; ++i) (void)budget.open();
    const auto before = window;
    window = budget.shrink(window);
    EXPECT_EQ(window, before / 2);
    for (int i = 0; i < 20; ++i) window = budget.shrink(window);
    EXPECT_GE(window, WindowBudget::kFirst / 2);
}

}  // namespace
}  // namespace ssi::isfc
