#pragma once
/// Puts the frames of one direction of a stream in order and drops what came twice (rule R7).

#include <boost/circular_buffer.hpp>
#include <cstdint>
#include <map>
#include <memory_resource>

#include "daemons/isfcd/link/send_buffer.hpp"
#include "daemons/isfcd/wire/block.hpp"

namespace ssi::isfc {

/// consumed() <= received(): between them lie the bytes that are in order and wait for the local program. The caller
/// keeps the sum of what is inserted within the stream's credit.
class ReceiveBuffer {
  public:
    /// `nodes`: memory for the order of frames that are ahead; must outlive it.
    explicit ReceiveBuffer(std::pmr::memory_resource& nodes) : ahead_(&nodes) {}

    /// Takes the bytes at `offset`; any part that is here already is dropped, and counted by dropped().
    void insert(std::uint64_t offset, Chunk chunk);
    /// Bytes in order from consumed() on; empty if there are none. Valid until the next consume or insert.
    [[nodiscard]] ByteViews readable() const;
    void consume(std::size_t count);

    [[nodiscard]] std::uint64_t consumed() const { return consumed_; }
    [[nodiscard]] std::uint64_t received() const { return received_; }
    [[nodiscard]] std::uint64_t dropped() const { return dropped_; }
    /// End of the last byte that is here, in order or not.
    [[nodiscard]] std::uint64_t furthest() const;

  private:
    void append(Chunk chunk);
    void keep_for_later(std::uint64_t offset, Chunk chunk);

    boost::circular_buffer<Chunk> ordered_;
    std::pmr::map<std::uint64_t, Chunk> ahead_;  // by offset; disjoint, all beyond received_
    std::uint64_t consumed_ = 0;
    std::uint64_t received_ = 0;
    std::uint64_t dropped_ = 0;
};

}  // namespace ssi::isfc
