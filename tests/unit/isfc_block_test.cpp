#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <optional>
#include <set>

#include "daemons/isfcd/wire/block.hpp"

namespace ssi::isfc {
namespace {

TEST(BlockPool, block_holds_what_was_asked_for_and_a_header_in_front_of_it) {
    BlockPool pool;
    for (const std::size_t size : {0UL, 1UL, BlockPool::kSmall, BlockPool::kSmall + 1, BlockPool::kFull, 100'000UL}) {
        const auto block = pool.take(size);
        ASSERT_GE(block->capacity(), size);
        EXPECT_EQ(block->data() - block->frame(), Block::kHeaderRoom);
        std::memset(block->frame(), 1, Block::kHeaderRoom + block->capacity());  // the sanitizers judge
    }
}

// Issue 3: no allocation per frame in steady state.
TEST(BlockPool, blocks_are_used_again) {
    BlockPool pool;
    std::set<Block*> seen;
    std::deque<BlockRef> held;
    for (int i = 0; i < 10'000; ++i) {
        held.push_back(pool.take(i % 3 == 0 ? 100 : BlockPool::kFull));
        seen.insert(held.back().get());
        if (held.size() > 20) held.pop_front();
    }
    EXPECT_LE(seen.size(), 2 * 21U);
}

TEST(BlockPool, counts_what_is_held_and_what_is_kept) {
    BlockPool pool;
    auto block = pool.take(BlockPool::kFull);
    const auto second = block;  // counted once
    EXPECT_TRUE(block->is_shared());
    EXPECT_EQ(pool.in_use(), BlockPool::kFull);
    block = nullptr;
    EXPECT_FALSE(second->is_shared());
    EXPECT_EQ(pool.in_use(), BlockPool::kFull);
    EXPECT_EQ(pool.kept(), 0U);
    block = pool.take(10);
    EXPECT_EQ(pool.in_use(), BlockPool::kFull + BlockPool::kSmall);
    block = nullptr;
    EXPECT_EQ(pool.kept(), BlockPool::kSmall);
}

TEST(BlockPool, what_a_burst_took_goes_back_to_the_system) {
    BlockPool pool;
    std::vector<BlockRef> burst;
    for (int i = 0; i < 2'000; ++i) burst.push_back(pool.take(BlockPool::kFull));
    burst.clear();
    EXPECT_EQ(pool.in_use(), 0U);
    EXPECT_LE(pool.kept(), 8U << 20);
}

TEST(BlockPool, blocks_outlive_it) {
    std::optional<BlockPool> pool(std::in_place);
    const auto block = pool->take(100);
    auto other = pool->take(BlockPool::kFull);
    {
        const auto kept = pool->take(100);
    }
    pool.reset();
    std::memset(block->data(), 7, 100);
    other = nullptr;
    EXPECT_EQ(block->data()[99], std::byte{7});
}

}  // namespace
}  // namespace ssi::isfc
