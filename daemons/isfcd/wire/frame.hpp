#pragma once
/// Frames: what travels on a channel (docs/isfc-wire.md). No I/O here.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "daemons/isfcd/wire/bytes.hpp"
#include "lib/common/error.hpp"

namespace ssi::isfc {

inline constexpr std::uint16_t kFrameMagic = 0x5349;  ///< "SI"
inline constexpr std::uint8_t kWireVersion = 1;
inline constexpr std::size_t kFrameHeaderSize = 24;
inline constexpr std::size_t kMaxPayload = 32 * 1024;

enum class FrameType : std::uint8_t {
    kHello = 1,    ///< first frame in each direction; payload: Hello
    kGoodbye = 2,  ///< last frame; payload: Goodbye
    kPing = 3,     ///< offset: the sender's clock, returned in the pong
    kPong = 4,
    kData = 5,  ///< bytes of a stream from `offset` on; stream 0 carries control messages
    kAck = 6,   ///< everything of the stream before `offset` is received; payload: 64-bit limit of what may be sent
};

struct FrameHeader {
    FrameType type{};
    std::uint32_t length = 0;  ///< of the payload; at most kMaxPayload
    std::uint64_t stream = 0;
    std::uint64_t offset = 0;
};

/// A frame whose payload lies in someone else's buffer.
struct Frame {
    FrameHeader header;
    ByteView payload;
};

/// Appends one frame; the payload must not be longer than kMaxPayload.
void append_frame(Bytes& out, FrameType type, std::uint64_t stream, std::uint64_t offset, ByteView payload);

/// Cuts the bytes of a channel into frames. One buffer, no allocation after construction.
class FrameReader {
  public:
    FrameReader();
    /// Where the channel's next bytes go; never empty after next() has returned nothing. Makes earlier frames invalid.
    [[nodiscard]] std::span<std::byte> room();
    /// `count` bytes were written to room().
    void filled(std::size_t count);
    /// The next whole frame, valid until room() is called, or nothing when more bytes are needed. kProtocolViolated:
    /// these are no frames of our version; nothing more can be read from this channel.
    [[nodiscard]] Result<std::optional<Frame>> next();

  private:
    Bytes buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace ssi::isfc
