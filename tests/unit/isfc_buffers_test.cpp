#include <gtest/gtest.h>

#include <random>

#include "daemons/isfcd/link/receive_buffer.hpp"
#include "daemons/isfcd/link/send_buffer.hpp"
#include "daemons/isfcd/wire/frame.hpp"

namespace ssi::isfc {
namespace {

/// Byte `offset` of the test's endless stream.
std::byte byte_at(std::uint64_t offset) {
    return static_cast<std::byte>(offset * 2654435761U >> 11);
}

Bytes part(std::uint64_t offset, std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = byte_at(offset + i);
    return bytes;
}

Bytes drain(ReceiveBuffer& buffer) {
    Bytes bytes;
    for (auto view = buffer.readable(); !view.empty(); view = buffer.readable()) {
        bytes.insert(bytes.end(), view.begin(), view.end());
        buffer.consume(view.size());
    }
    return bytes;
}

TEST(SendBuffer, view_gives_what_was_written_until_it_is_acknowledged) {
    SendBuffer buffer;
    constexpr std::size_t kSize = 3 * kMaxPayload + 100;
    buffer.append(part(0, 10));
    buffer.append(part(10, kSize - 10));
    ASSERT_TRUE(buffer.acknowledge(kMaxPayload + 5));
    for (std::uint64_t at = kMaxPayload + 5; at < kSize;) {
        const auto view = buffer.view(at, 1000);
        ASSERT_FALSE(view.empty());
        ASSERT_EQ(Bytes(view.begin(), view.end()), part(at, view.size()));
        at += view.size();
    }
    EXPECT_EQ(buffer.size(), kSize - kMaxPayload - 5);
}

TEST(SendBuffer, acknowledgement_of_what_was_never_written_is_refused) {
    SendBuffer buffer;
    buffer.append(part(0, 10));
    EXPECT_FALSE(buffer.acknowledge(11));
    EXPECT_TRUE(buffer.acknowledge(10));
    EXPECT_TRUE(buffer.acknowledge(3));  // late: nothing changes
    EXPECT_EQ(buffer.acknowledged(), 10U);
}

TEST(ReceiveBuffer, frames_out_of_order_are_put_in_order) {
    ReceiveBuffer buffer;
    buffer.insert(10, part(10, 10));
    EXPECT_TRUE(buffer.readable().empty());
    EXPECT_EQ(buffer.furthest(), 20U);
    buffer.insert(0, part(0, 10));
    EXPECT_EQ(drain(buffer), part(0, 20));
}

TEST(ReceiveBuffer, what_comes_twice_is_dropped_and_counted) {
    ReceiveBuffer buffer;
    buffer.insert(0, part(0, 10));
    buffer.insert(0, part(0, 10));
    buffer.insert(5, part(5, 10));
    EXPECT_EQ(drain(buffer), part(0, 15));
    EXPECT_EQ(buffer.dropped(), 15U);
}

// Rule R7: whatever order, overlap and repetition the channels produce, every byte comes once and in order.
TEST(ReceiveBuffer, random_frames_give_every_byte_once) {
    for (unsigned seed = 0; seed < 500; ++seed) {
        std::mt19937 random(seed);
        constexpr std::uint64_t kSize = 2000;
        ReceiveBuffer buffer;
        Bytes received;
        while (received.size() < kSize) {
            const auto offset = random() % kSize;
            const auto size = std::min<std::uint64_t>(1 + random() % 300, kSize - offset);
            buffer.insert(offset, part(offset, size));
            if (random() % 3 == 0) {
                const auto bytes = drain(buffer);
                received.insert(received.end(), bytes.begin(), bytes.end());
            }
        }
        ASSERT_EQ(received, part(0, kSize)) << "seed " << seed;
        ASSERT_EQ(buffer.received(), kSize);
    }
}

}  // namespace
}  // namespace ssi::isfc
