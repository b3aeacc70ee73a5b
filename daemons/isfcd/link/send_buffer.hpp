#pragma once
/// Bytes of one direction of a stream that the peer has not acknowledged yet.

#include <cstdint>
#include <deque>

#include "daemons/isfcd/wire/bytes.hpp"

namespace ssi::isfc {

/// Offsets count from the stream's first byte: acknowledged() <= end(), and the bytes between them are kept.
class SendBuffer {
  public:
    void append(ByteView bytes);
    /// Forgets everything before `offset`; false if that was never written.
    [[nodiscard]] bool acknowledge(std::uint64_t offset);
    /// Bytes from `offset` (within the kept ones) on: at least one and at most `most`, as far as they lie together.
    /// Valid until the next append or acknowledge.
    [[nodiscard]] ByteView view(std::uint64_t offset, std::size_t most) const;

    [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }
    [[nodiscard]] std::uint64_t end() const { return end_; }
    [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(end_ - acknowledged_); }

  private:
    struct Segment {
        std::uint64_t offset = 0;
        Bytes bytes;
    };
    std::deque<Segment> segments_;  // without gaps; the first may begin before acknowledged_
    std::uint64_t acknowledged_ = 0;
    std::uint64_t end_ = 0;
};

}  // namespace ssi::isfc
