#include "daemons/isfcd/wire/frame.hpp"

#include <cstring>
#include <format>

namespace ssi::isfc {
namespace {

constexpr std::size_t kBufferSize = 4 * (kFrameHeaderSize + kMaxPayload);

}  // namespace

void append_frame(Bytes& out, FrameType type, std::uint64_t stream, std::uint64_t offset, ByteView payload) {
    ByteWriter writer(out);
    writer.number(kFrameMagic);
    writer.number(kWireVersion);
    writer.number(static_cast<std::uint8_t>(type));
    writer.number(static_cast<std::uint32_t>(payload.size()));
    writer.number(stream);
    writer.number(offset);
    out.insert(out.end(), payload.begin(), payload.end());
}

FrameReader::FrameReader() : buffer_(kBufferSize) {}

std::span<std::byte> FrameReader::room() {
    if (begin_ > 0) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    return std::span(buffer_).subspan(end_);
}

void FrameReader::filled(std::size_t count) {
    end_ += count;
}

Result<std::optional<Frame>> FrameReader::next() {
    const auto bytes = ByteView(buffer_).subspan(begin_, end_ - begin_);
    if (bytes.size() < kFrameHeaderSize) return std::nullopt;
    ByteReader reader(bytes.first(kFrameHeaderSize));
    const auto magic = reader.number<std::uint16_t>();
    const auto version = reader.number<std::uint8_t>();
    const auto type = reader.number<std::uint8_t>();
    FrameHeader header;
    header.length = reader.number<std::uint32_t>();
    header.stream = reader.number<std::uint64_t>();
    header.offset = reader.number<std::uint64_t>();
    if (magic != kFrameMagic) return failure(ErrorCode::kProtocolViolated, "what arrived is no frame of a channel");
    if (version != kWireVersion)
        return failure(ErrorCode::kProtocolViolated,
                       std::format("the peer speaks wire version {}, this member {}", version, kWireVersion), "",
                       "install the same version of isfcd on both members");
    if (type < static_cast<std::uint8_t>(FrameType::kHello) || type > static_cast<std::uint8_t>(FrameType::kAck))
        return failure(ErrorCode::kProtocolViolated, std::format("unknown frame type {}", type));
    if (header.length > kMaxPayload)
        return failure(ErrorCode::kProtocolViolated, std::format("a frame of {} bytes", header.length));
    header.type = static_cast<FrameType>(type);
    if (bytes.size() < kFrameHeaderSize + header.length) return std::nullopt;
    begin_ += kFrameHeaderSize + header.length;
    return Frame{header, bytes.subspan(kFrameHeaderSize, header.length)};
}

}  // namespace ssi::isfc
