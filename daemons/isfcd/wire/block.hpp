#pragma once
/// Memory for the bytes of streams: counted, reused, shared between the buffers of a link and the channels that are
/// just writing it. One thread.

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/common/bytes.hpp"

namespace ssi::isfc {

class BlockShelf;

/// Bytes with room for a frame's header right in front of them, so that a frame is written without being copied.
class Block {
  public:
    [[nodiscard]] std::size_t capacity() const { return capacity_; }
    [[nodiscard]] std::byte* data() { return frame() + kHeaderRoom; }
    /// kHeaderRoom bytes in front of data().
    [[nodiscard]] std::byte* frame() { return reinterpret_cast<std::byte*>(this + 1); }
    [[nodiscard]] bool is_shared() const { return references_ > 1; }

    static constexpr std::size_t kHeaderRoom = 24;

  private:
    friend class BlockShelf;
    friend void intrusive_ptr_add_ref(Block* block) { ++block->references_; }
    friend void intrusive_ptr_release(Block* block);

    Block(BlockShelf& shelf, std::size_t capacity) : shelf_(shelf), capacity_(capacity) {}

    BlockShelf& shelf_;
    std::size_t capacity_;
    std::uint32_t references_ = 0;
};

using BlockRef = boost::intrusive_ptr<Block>;

/// Gives blocks. They may outlive it.
class BlockPool {
  public:
    BlockPool();
    ~BlockPool();
    BlockPool(const BlockPool&) = delete;
    BlockPool& operator=(const BlockPool&) = delete;

    /// At least `size` bytes.
    [[nodiscard]] BlockRef take(std::size_t size);
    /// Bytes of all blocks that somebody holds, and of those kept for reuse.
    [[nodiscard]] std::size_t in_use() const;
    [[nodiscard]] std::size_t kept() const;

    static constexpr std::size_t kSmall = 2048 - Block::kHeaderRoom;
    /// With its header one TLS record.
    static constexpr std::size_t kFull = 16 * 1024 - Block::kHeaderRoom;

  private:
    BlockShelf* shelf_;
};

/// A part of a block.
struct Chunk {
    BlockRef block;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;

    [[nodiscard]] std::size_t size() const { return end - begin; }
    [[nodiscard]] ByteView bytes() const { return {block->data() + begin, size()}; }
};

}  // namespace ssi::isfc
