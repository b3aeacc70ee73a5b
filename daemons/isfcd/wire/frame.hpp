#pragma once
/// Frames: what travels on a channel (docs/isfc-wire.md). No I/O here.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "daemons/isfcd/wire/block.hpp"
#include "lib/common/bytes.hpp"
#include "lib/common/error.hpp"

namespace ssi::isfc {

inline constexpr std::uint16_t kFrameMagic = 0x5349;  ///< "SI"
inline constexpr std::uint8_t kWireVersion = 1;
inline constexpr std::size_t kFrameHeaderSize = 24;
static_assert(kFrameHeaderSize == Block::kHeaderRoom);
inline constexpr std::size_t kMaxPayload = 32 * 1024;  ///< What must be accepted; DATA carries up to BlockPool::kFull.

enum class FrameType : std::uint8_t {
    kHello = 1,    ///< first frame in each direction; payload: Hello
    kGoodbye = 2,  ///< last frame; payload: Goodbye
    kPing = 3,     ///< offset: the sender's clock, returned in the pong
    kPong = 4,
    kData = 5,     ///< bytes of a stream from `offset` on; stream 0 carries control messages
    kAck = 6,      ///< everything of the stream before `offset` is received; payload: 64-bit limit of what may be sent
    kArrived = 7,  ///< offset: how many DATA and ACK frames have arrived on this channel (feature kFeatureArrived)
};

struct FrameHeader {
    FrameType type{};
    std::uint32_t length = 0;  ///< of the payload; at most kMaxPayload
    std::uint64_t stream = 0;
    std::uint64_t offset = 0;
};

/// A frame to be sent: header (and a short payload) in `front`, a long payload in a block.
struct OutFrame {
    std::array<std::byte, kFrameHeaderSize + 8> front;
    std::size_t front_size = 0;
    Chunk payload;

    [[nodiscard]] ByteView head() const { return ByteView(front).first(front_size); }
    [[nodiscard]] ByteView body() const { return payload.block ? payload.bytes() : ByteView(); }
    [[nodiscard]] std::size_t size() const { return front_size + payload.size(); }
};

/// A frame without payload, or with one of 8 bytes.
[[nodiscard]] OutFrame make_frame(FrameType type, std::uint64_t stream, std::uint64_t offset);
[[nodiscard]] OutFrame make_frame(FrameType type, std::uint64_t stream, std::uint64_t offset, std::uint64_t number);
/// DATA.
[[nodiscard]] OutFrame make_frame(std::uint64_t stream, std::uint64_t offset, Chunk payload);
/// HELLO and GOODBYE; the payload must not be longer than BlockPool::kFull.
[[nodiscard]] OutFrame make_frame(FrameType type, ByteView payload, BlockPool& pool);

/// A frame as it lies on the wire; the payload must not be longer than kMaxPayload.
void append_frame(Bytes& out, FrameType type, std::uint64_t stream, std::uint64_t offset, ByteView payload);

/// A frame that has arrived.
struct InFrame {
    FrameHeader header;
    Chunk payload;

    [[nodiscard]] ByteView body() const { return payload.block ? payload.bytes() : ByteView(); }
};

/// Makes frames of the bytes of a channel. Payloads are put where they stay: in a block.
class FrameAssembler {
  public:
    /// The pool must outlive it.
    explicit FrameAssembler(BlockPool& pool) : pool_(&pool) {}
    /// Where the channel's next bytes go; never empty.
    [[nodiscard]] std::span<std::byte> want();
    /// `count` bytes were written to want(). True: a frame is whole, take() it. kProtocolViolated: these are no frames
    /// of our version; nothing more can be read from this channel.
    [[nodiscard]] Result<bool> filled(std::size_t count);
    [[nodiscard]] InFrame take();

  private:
    [[nodiscard]] Result<void> read_header();

    BlockPool* pool_;
    std::array<std::byte, kFrameHeaderSize> head_{};
    std::size_t have_ = 0;  // of header and payload together
    InFrame frame_;
};

}  // namespace ssi::isfc
