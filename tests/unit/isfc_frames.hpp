#pragma once
/// Frames as bytes and back, as a channel carries them, for tests without sockets.

#include <algorithm>
#include <cstring>

#include "daemons/isfcd/wire/frame.hpp"

namespace ssi::isfc {

/// What a channel writes for a frame.
inline Bytes bytes_of(const OutFrame& frame) {
    Bytes bytes;
    for (const auto part : {frame.head(), frame.body()}) bytes.insert(bytes.end(), part.begin(), part.end());
    return bytes;
}

/// The first frame in `bytes`, which hold at least one.
inline InFrame frame_of(ByteView bytes, BlockPool& pool) {
    FrameAssembler assembler(pool);
    for (;;) {
        const auto want = assembler.want();
        const auto part = bytes.first(std::min(want.size(), bytes.size()));
        std::memcpy(want.data(), part.data(), part.size());
        bytes = bytes.subspan(part.size());
        if (assembler.filled(part.size()).value()) return assembler.take();
    }
}

/// A block of its own for some bytes.
inline Chunk chunk_of(ByteView bytes, BlockPool& pool) {
    Chunk chunk{pool.take(bytes.size()), 0, static_cast<std::uint32_t>(bytes.size())};
    std::memcpy(chunk.block->data(), bytes.data(), bytes.size());
    return chunk;
}

}  // namespace ssi::isfc
