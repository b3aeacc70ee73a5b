#include <gtest/gtest.h>

#include <memory_resource>
#include <random>

#include "daemons/isfcd/link/receive_buffer.hpp"
#include "daemons/isfcd/link/send_buffer.hpp"
#include "tests/unit/isfc_frames.hpp"

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

Bytes joined(const ByteViews& views) {
    Bytes bytes;
    for (const auto view : views) bytes.insert(bytes.end(), view.begin(), view.end());
    return bytes;
}

TEST(SendBuffer, chunk_gives_what_was_written_until_it_is_acknowledged) {
    BlockPool pool;
    SendBuffer buffer(pool);
    constexpr std::size_t kAcknowledged = BlockPool::kFull + 5;
    constexpr std::size_t kSize = 3 * BlockPool::kFull + 100;
    buffer.append(part(0, 10));
    buffer.append(part(10, kSize - 10));
    ASSERT_TRUE(buffer.acknowledge(kAcknowledged));
    for (std::uint64_t at = kAcknowledged; at < kSize;) {
        const auto chunk = buffer.chunk(at, 1000);
        ASSERT_GT(chunk.size(), 0U);
        ASSERT_LE(chunk.size(), 1000U);
        ASSERT_EQ(Bytes(chunk.bytes().begin(), chunk.bytes().end()), part(at, chunk.size()));
        at += chunk.size();
    }
    EXPECT_EQ(buffer.size(), kSize - kAcknowledged);
}

TEST(SendBuffer, acknowledgement_of_what_was_never_written_is_refused) {
    BlockPool pool;
    SendBuffer buffer(pool);
    buffer.append(part(0, 10));
    EXPECT_FALSE(buffer.acknowledge(11));
    EXPECT_TRUE(buffer.acknowledge(10));
    EXPECT_TRUE(buffer.acknowledge(3));  // late: nothing changes
    EXPECT_EQ(buffer.acknowledged(), 10U);
}

TEST(SendBuffer, chunk_keeps_its_bytes_when_they_are_acknowledged_and_new_ones_are_written) {
    BlockPool pool;
    SendBuffer buffer(pool);
    buffer.append(part(0, 1000));
    const auto under_way = buffer.chunk(0, 1000);
    ASSERT_TRUE(buffer.acknowledge(1000));
    buffer.append(part(1000, 3 * BlockPool::kFull));
    EXPECT_EQ(Bytes(under_way.bytes().begin(), under_way.bytes().end()), part(0, 1000));
}

TEST(SendBuffer, idle_stream_holds_no_memory) {
    BlockPool pool;
    SendBuffer buffer(pool);
    buffer.append(part(0, 5 * BlockPool::kFull));
    EXPECT_GT(pool.in_use(), 0U);
    ASSERT_TRUE(buffer.acknowledge(5 * BlockPool::kFull));
    EXPECT_EQ(pool.in_use(), 0U);
}

// A local program's bytes are read into space(); how many it became is known afterwards.
TEST(SendBuffer, space_takes_any_part_of_what_was_asked_for) {
    BlockPool pool;
    SendBuffer buffer(pool);
    std::mt19937 random(1);
    std::uint64_t written = 0;
    for (int round = 0; round < 200; ++round) {
        const std::size_t most = 1 + random() % (3 * BlockPool::kFull);
        std::size_t offered = 0;
        auto at = written;
        for (const auto space : buffer.space(most)) {
            const auto bytes = part(at, space.size());
            std::ranges::copy(bytes, space.begin());
            at += space.size();
            offered += space.size();
        }
        ASSERT_GT(offered, 0U);
        ASSERT_LE(offered, most);
        const auto taken = random() % (offered + 1);
        buffer.commit(taken);
        written += taken;
        ASSERT_EQ(buffer.end(), written);
        while (buffer.acknowledged() < written) {
            const auto chunk = buffer.chunk(buffer.acknowledged(), BlockPool::kFull);
            ASSERT_EQ(Bytes(chunk.bytes().begin(), chunk.bytes().end()), part(buffer.acknowledged(), chunk.size()));
            ASSERT_TRUE(buffer.acknowledge(buffer.acknowledged() + chunk.size()));
        }
    }
}

class ReceivedFrames : public ::testing::Test {
  protected:
    void insert(std::uint64_t offset, std::size_t size) { buffer.insert(offset, chunk_of(part(offset, size), pool)); }
    Bytes drain() {
        Bytes bytes;
        while (!buffer.readable().empty()) {
            const auto more = joined(buffer.readable());
            bytes.insert(bytes.end(), more.begin(), more.end());
            buffer.consume(more.size());
        }
        return bytes;
    }
    BlockPool pool;
    std::pmr::unsynchronized_pool_resource nodes;
    ReceiveBuffer buffer{nodes};
};

TEST_F(ReceivedFrames, frames_out_of_order_are_put_in_order) {
    insert(10, 10);
    EXPECT_TRUE(buffer.readable().empty());
    EXPECT_EQ(buffer.furthest(), 20U);
    insert(0, 10);
    EXPECT_EQ(drain(), part(0, 20));
}

TEST_F(ReceivedFrames, what_comes_twice_is_dropped_and_counted) {
    insert(0, 10);
    insert(0, 10);
    insert(5, 10);
    EXPECT_EQ(drain(), part(0, 15));
    EXPECT_EQ(buffer.dropped(), 15U);
}

TEST_F(ReceivedFrames, many_small_ones_share_blocks) {
    for (std::uint64_t at = 0; at < 10'000; at += 10) insert(at, 10);
    EXPECT_LT(pool.in_use(), 20'000U);
    EXPECT_EQ(drain(), part(0, 10'000));
    EXPECT_EQ(pool.in_use(), 0U);
}

// A block that a frame ahead of its turn shares with one in order must not be written behind the latter's back.
TEST_F(ReceivedFrames, parts_of_one_frame_keep_their_bytes_when_small_ones_are_put_together) {
    insert(10, 10);
    insert(0, 30);  // its middle is here already: two parts of one block
    insert(30, 10);
    EXPECT_EQ(drain(), part(0, 40));
}

// Rule R7: whatever order, overlap and repetition the channels produce, every byte comes once and in order.
TEST_F(ReceivedFrames, random_frames_give_every_byte_once) {
    for (unsigned seed = 0; seed < 500; ++seed) {
        std::mt19937 random(seed);
        constexpr std::uint64_t kSize = 2000;
        buffer = ReceiveBuffer(nodes);
        Bytes received;
        while (received.size() < kSize) {
            const auto offset = random() % kSize;
            const auto size = std::min<std::uint64_t>(1 + random() % 300, kSize - offset);
            insert(offset, size);
            if (random() % 3 == 0) {
                const auto bytes = drain();
                received.insert(received.end(), bytes.begin(), bytes.end());
            }
        }
        ASSERT_EQ(received, part(0, kSize)) << "seed " << seed;
        ASSERT_EQ(buffer.received(), kSize);
    }
}

}  // namespace
}  // namespace ssi::isfc
