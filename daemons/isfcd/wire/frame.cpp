#include "daemons/isfcd/wire/frame.hpp"

#include <cstring>
#include <format>
#include <utility>

namespace ssi::isfc {
namespace {

void put(std::byte* at, std::uint64_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) at[i] = static_cast<std::byte>(value >> (size - 1 - i) * 8 & 0xff);
}

void put_header(std::byte* at, FrameType type, std::size_t length, std::uint64_t stream, std::uint64_t offset) {
    put(at, kFrameMagic, 2);
    put(at + 2, kWireVersion, 1);
    put(at + 3, static_cast<std::uint8_t>(type), 1);
    put(at + 4, length, 4);
    put(at + 8, stream, 8);
    put(at + 16, offset, 8);
}

}  // namespace

OutFrame make_frame(FrameType type, std::uint64_t stream, std::uint64_t offset) {
    OutFrame frame;
    frame.front_size = kFrameHeaderSize;
    put_header(frame.front.data(), type, 0, stream, offset);
    return frame;
}

OutFrame make_frame(FrameType type, std::uint64_t stream, std::uint64_t offset, std::uint64_t number) {
    OutFrame frame;
    frame.front_size = kFrameHeaderSize + sizeof number;
    put_header(frame.front.data(), type, sizeof number, stream, offset);
    put(frame.front.data() + kFrameHeaderSize, number, sizeof number);
    return frame;
}

OutFrame make_frame(std::uint64_t stream, std::uint64_t offset, Chunk payload) {
    OutFrame frame;
    frame.front_size = kFrameHeaderSize;
    put_header(frame.front.data(), FrameType::kData, payload.size(), stream, offset);
    frame.payload = std::move(payload);
    return frame;
}

OutFrame make_frame(FrameType type, ByteView payload, BlockPool& pool) {
    OutFrame frame;
    frame.front_size = kFrameHeaderSize;
    put_header(frame.front.data(), type, payload.size(), 0, 0);
    frame.payload = {pool.take(payload.size()), 0, static_cast<std::uint32_t>(payload.size())};
    std::memcpy(frame.payload.block->data(), payload.data(), payload.size());
    return frame;
}

void append_frame(Bytes& out, FrameType type, std::uint64_t stream, std::uint64_t offset, ByteView payload) {
    std::array<std::byte, kFrameHeaderSize> head;
    put_header(head.data(), type, payload.size(), stream, offset);
    out.insert(out.end(), head.begin(), head.end());
    out.insert(out.end(), payload.begin(), payload.end());
}

std::span<std::byte> FrameAssembler::want() {
    if (have_ < kFrameHeaderSize) return std::span(head_).subspan(have_);
    const auto at = have_ - kFrameHeaderSize;
    return {frame_.payload.block->data() + at, frame_.header.length - at};
}

Result<bool> FrameAssembler::filled(std::size_t count) {
    const bool was_header = have_ < kFrameHeaderSize;
    have_ += count;
    if (have_ < kFrameHeaderSize) return false;
    if (was_header)
        if (auto read = read_header(); !read) return std::unexpected(read.error());
    return have_ == kFrameHeaderSize + frame_.header.length;
}

InFrame FrameAssembler::take() {
    have_ = 0;
    return std::exchange(frame_, {});
}

Result<void> FrameAssembler::read_header() {
    ByteReader reader(head_);
    const auto magic = reader.number<std::uint16_t>();
    const auto version = reader.number<std::uint8_t>();
    const auto type = reader.number<std::uint8_t>();
    auto& header = frame_.header;
    header.length = reader.number<std::uint32_t>();
    header.stream = reader.number<std::uint64_t>();
    header.offset = reader.number<std::uint64_t>();
    if (magic != kFrameMagic) return failure(ErrorCode::kProtocolViolated, "what arrived is no frame of a channel");
    if (version != kWireVersion)
        return failure(ErrorCode::kProtocolViolated,
                       std::format("the peer speaks wire version {}, this member {}", version, kWireVersion), "",
                       "install the same version of isfcd on both members");
    if (type < static_cast<std::uint8_t>(FrameType::kHello) || type > static_cast<std::uint8_t>(FrameType::kArrived))
        return failure(ErrorCode::kProtocolViolated, std::format("unknown frame type {}", type));
    if (header.length > kMaxPayload)
        return failure(ErrorCode::kProtocolViolated, std::format("a frame of {} bytes", header.length));
    header.type = static_cast<FrameType>(type);
    if (header.length > 0) frame_.payload = {pool_->take(header.length), 0, header.length};
    return {};
}

}  // namespace ssi::isfc
