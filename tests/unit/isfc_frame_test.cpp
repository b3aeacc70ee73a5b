#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "daemons/isfcd/wire/frame.hpp"

namespace ssi::isfc {
namespace {

Bytes bytes_of(std::string_view text) {
    const auto view = std::as_bytes(std::span(text));
    return {view.begin(), view.end()};
}

/// Feeds `input` in pieces of `piece` bytes and collects what comes out; stops at the first error.
struct Read {
    std::vector<std::pair<FrameHeader, Bytes>> frames;
    bool failed = false;
};
Read read_all(ByteView input, std::size_t piece) {
    FrameReader reader;
    Read read;
    while (!read.failed) {
        for (;;) {
            const auto frame = reader.next();
            read.failed = !frame;
            if (!frame || !*frame) break;
            read.frames.emplace_back((*frame)->header, Bytes((*frame)->payload.begin(), (*frame)->payload.end()));
        }
        if (input.empty()) break;
        const auto room = reader.room();
        const auto part = input.first(std::min({piece, input.size(), room.size()}));
        std::ranges::copy(part, room.begin());
        reader.filled(part.size());
        input = input.subspan(part.size());
    }
    return read;
}

TEST(Frame, encoding_is_that_of_the_wire_document) {
    Bytes out;
    append_frame(out, FrameType::kData, 3, 0x0102030405060708, bytes_of("hi"));
    const std::array<int, 26> expected{'S', 'I', 1, 5, 0, 0, 0, 2, 0, 0, 0, 0,   0,
                                       0,   0,   3, 1, 2, 3, 4, 5, 6, 7, 8, 'h', 'i'};
    ASSERT_EQ(out.size(), expected.size());
    for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(std::to_integer<int>(out[i]), expected[i]) << "byte " << i;
}

TEST(FrameReader, pieces_of_any_size_give_the_same_frames) {
    Bytes input;
    const Bytes large(kMaxPayload, std::byte{7});
    append_frame(input, FrameType::kPing, 0, 42, {});
    for (int i = 0; i < 5; ++i) append_frame(input, FrameType::kData, 9, static_cast<std::uint64_t>(i), large);
    append_frame(input, FrameType::kAck, 9, 100, bytes_of("12345678"));
    for (const std::size_t piece : {1UL, 7UL, 24UL, 1000UL, 40'000UL, 1'000'000UL}) {
        const auto read = read_all(input, piece);
        EXPECT_FALSE(read.failed);
        ASSERT_EQ(read.frames.size(), 7) << "pieces of " << piece;
        EXPECT_EQ(read.frames[0].first.offset, 42);
        EXPECT_EQ(read.frames[5].second, large);
        EXPECT_EQ(read.frames[6].second, bytes_of("12345678"));
    }
}

TEST(FrameReader, truncated_frame_is_not_given) {
    Bytes input;
    append_frame(input, FrameType::kData, 1, 0, bytes_of("hello"));
    for (std::size_t size = 0; size < input.size(); ++size) {
        const auto read = read_all(ByteView(input).first(size), 4096);
        EXPECT_TRUE(read.frames.empty());
        EXPECT_FALSE(read.failed);
    }
}

TEST(FrameReader, oversized_frame_is_refused_before_it_is_read) {
    Bytes input;
    ByteWriter writer(input);
    writer.number(kFrameMagic);
    writer.number(kWireVersion);
    writer.number(static_cast<std::uint8_t>(FrameType::kData));
    writer.number(static_cast<std::uint32_t>(kMaxPayload + 1));
    writer.number(std::uint64_t{1});
    writer.number(std::uint64_t{0});
    EXPECT_TRUE(read_all(input, 4096).failed);
}

TEST(FrameReader, other_version_is_refused_with_both_versions) {
    Bytes input;
    append_frame(input, FrameType::kHello, 0, 0, {});
    input[2] = std::byte{9};
    FrameReader reader;
    std::ranges::copy(input, reader.room().begin());
    reader.filled(input.size());
    const auto frame = reader.next();
    ASSERT_FALSE(frame);
    EXPECT_EQ(frame.error().what, "the peer speaks wire version 9, this member 1");
}

TEST(FrameReader, flipped_bits_of_the_header_never_give_more_than_the_bytes_that_are_there) {
    Bytes input;
    append_frame(input, FrameType::kData, 5, 77, bytes_of("payload"));
    append_frame(input, FrameType::kPong, 0, 1, {});
    for (std::size_t bit = 0; bit < kFrameHeaderSize * 8; ++bit) {
        auto flipped = input;
        flipped[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
        const auto read = read_all(flipped, 4096);
        std::size_t total = 0;
        for (const auto& [header, payload] : read.frames) total += kFrameHeaderSize + payload.size();
        EXPECT_LE(total, input.size());
    }
}

TEST(FrameReader, noise_is_refused_or_waits) {
    std::mt19937 random(1);
    for (int round = 0; round < 2'000; ++round) {
        Bytes noise(random() % 200);
        for (auto& byte : noise) byte = static_cast<std::byte>(random());
        const auto read = read_all(noise, 1 + random() % 50);
        EXPECT_TRUE(read.frames.empty());
    }
}

}  // namespace
}  // namespace ssi::isfc
