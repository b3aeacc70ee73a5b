#pragma once
/// Bytes of one direction of a stream that the peer has not acknowledged yet.

#include <boost/circular_buffer.hpp>
#include <boost/container/static_vector.hpp>
#include <cstdint>
#include <span>

#include "daemons/isfcd/wire/block.hpp"
#include "lib/common/bytes.hpp"

namespace ssi::isfc {

inline constexpr std::size_t kMostSpans = 8;  ///< In one system call: few, so that everybody gets a turn soon.
using Spaces = boost::container::static_vector<std::span<std::byte>, kMostSpans>;
using ByteViews = boost::container::static_vector<ByteView, kMostSpans>;

/// Offsets count from the stream's first byte: acknowledged() <= end(), and the bytes between them are kept. All blocks
/// but the last are full, so that each holds a fixed range of offsets, and a frame need not be copied together.
class SendBuffer {
  public:
    /// The pool must outlive it.
    explicit SendBuffer(BlockPool& pool) : pool_(&pool) {}

    void append(ByteView bytes);
    /// Where the next bytes may be put, `most` of them at most (not 0); commit() says how many it became.
    [[nodiscard]] Spaces space(std::size_t most);
    void commit(std::size_t count);
    /// Forgets everything before `offset`; false if that was never written.
    [[nodiscard]] bool acknowledge(std::uint64_t offset);
    /// Bytes from `offset` (within the kept ones) on: at least one and at most `most`, as far as they lie in one block.
    [[nodiscard]] Chunk chunk(std::uint64_t offset, std::size_t most) const;

    [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }
    [[nodiscard]] std::uint64_t end() const { return end_; }
    [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(end_ - acknowledged_); }

  private:
    BlockPool* pool_;
    boost::circular_buffer<BlockRef> blocks_;
    std::uint64_t base_ = 0;  // offset of the first byte of the first block
    std::uint64_t acknowledged_ = 0;
    std::uint64_t end_ = 0;
};

/// push_back() that makes room when there is none.
template <typename Value>
void push_growing(boost::circular_buffer<Value>& ring, Value value) {
    if (ring.full()) ring.set_capacity(ring.capacity() == 0 ? 8 : ring.capacity() * 2);
    ring.push_back(std::move(value));
}

}  // namespace ssi::isfc
