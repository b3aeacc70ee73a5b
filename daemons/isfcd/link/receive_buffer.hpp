#pragma once
/// Puts the frames of one direction of a stream in order and drops what came twice (rule R7).

#include <cstdint>
#include <deque>
#include <map>

#include "daemons/isfcd/wire/bytes.hpp"

namespace ssi::isfc {

/// consumed() <= received(): between them lie the bytes that are in order and wait for the local program. The caller
/// keeps the sum of what is inserted within the stream's credit.
class ReceiveBuffer {
  public:
    /// Takes the bytes at `offset`; any part that is here already is dropped, and counted by dropped().
    void insert(std::uint64_t offset, ByteView bytes);
    /// Bytes in order from consumed() on, as far as they lie together; empty if there are none. Valid until the next
    /// consume; an insert does not move them.
    [[nodiscard]] ByteView readable() const;
    void consume(std::size_t count);

    [[nodiscard]] std::uint64_t consumed() const { return consumed_; }
    [[nodiscard]] std::uint64_t received() const { return received_; }
    [[nodiscard]] std::uint64_t dropped() const { return dropped_; }
    /// End of the last byte that is here, in order or not.
    [[nodiscard]] std::uint64_t furthest() const;

  private:
    void append(ByteView bytes);
    void keep_for_later(std::uint64_t offset, ByteView bytes);

    std::deque<Bytes> ordered_;
    std::size_t read_of_first_ = 0;
    std::map<std::uint64_t, Bytes> ahead_;  // by offset; disjoint, all beyond received_
    std::uint64_t consumed_ = 0;
    std::uint64_t received_ = 0;
    std::uint64_t dropped_ = 0;
};

}  // namespace ssi::isfc
