#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/unit/isfc_frames.hpp"

namespace ssi::isfc {
namespace {

Bytes bytes_of(std::string_view text) {
    const auto view = std::as_bytes(std::span(text));
    return {view.begin(), view.end()};
}

/// Feeds `input` in pieces of at most `piece` bytes and collects what comes out; stops at the first error.
struct Read {
    std::vector<std::pair<FrameHeader, Bytes>> frames;
    std::optional<Error> error;
};
Read read_all(ByteView input, std::size_t piece) {
    BlockPool pool;
    FrameAssembler assembler(pool);
    Read read;
    while (!input.empty()) {
        const auto want = assembler.want();
        const auto part = input.first(std::min({piece, input.size(), want.size()}));
        std::ranges::copy(part, want.begin());
        input = input.subspan(part.size());
        const auto whole = assembler.filled(part.size());
        if (!whole) {
            read.error = whole.error();
            break;
        }
        if (!*whole) continue;
        const auto frame = assembler.take();
        read.frames.emplace_back(frame.header, Bytes(frame.body().begin(), frame.body().end()));
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

TEST(Frame, made_without_a_copy_lies_on_the_wire_as_the_appended_one) {
    BlockPool pool;
    const auto payload = bytes_of("some bytes of a stream");
    Bytes expected;
    append_frame(expected, FrameType::kData, 3, 70'000, payload);
    EXPECT_EQ(bytes_of(make_frame(3, 70'000, chunk_of(payload, pool))), expected);

    expected.clear();
    append_frame(expected, FrameType::kPong, 0, 5, {});
    EXPECT_EQ(bytes_of(make_frame(FrameType::kPong, 0, 5)), expected);

    Bytes limit;
    ByteWriter(limit).number(std::uint64_t{1} << 40);
    expected.clear();
    append_frame(expected, FrameType::kAck, 3, 9, limit);
    EXPECT_EQ(bytes_of(make_frame(FrameType::kAck, 3, 9, std::uint64_t{1} << 40)), expected);

    expected.clear();
    append_frame(expected, FrameType::kGoodbye, 0, 0, payload);
    EXPECT_EQ(bytes_of(make_frame(FrameType::kGoodbye, payload, pool)), expected);
}

TEST(FrameAssembler, pieces_of_any_size_give_the_same_frames) {
    Bytes input;
    const Bytes large(kMaxPayload, std::byte{7});
    append_frame(input, FrameType::kPing, 0, 42, {});
    for (int i = 0; i < 5; ++i) append_frame(input, FrameType::kData, 9, static_cast<std::uint64_t>(i), large);
    append_frame(input, FrameType::kAck, 9, 100, bytes_of("12345678"));
    for (const std::size_t piece : {1UL, 7UL, 24UL, 1000UL, 40'000UL, 1'000'000UL}) {
        const auto read = read_all(input, piece);
        EXPECT_FALSE(read.error);
        ASSERT_EQ(read.frames.size(), 7) << "pieces of " << piece;
        EXPECT_EQ(read.frames[0].first.offset, 42);
        EXPECT_EQ(read.frames[5].second, large);
        EXPECT_EQ(read.frames[6].second, bytes_of("12345678"));
    }
}

TEST(FrameAssembler, truncated_frame_is_not_given) {
    Bytes input;
    append_frame(input, FrameType::kData, 1, 0, bytes_of("hello"));
    for (std::size_t size = 0; size < input.size(); ++size) {
        const auto read = read_all(ByteView(input).first(size), 4096);
        EXPECT_TRUE(read.frames.empty());
        EXPECT_FALSE(read.error);
    }
}

TEST(FrameAssembler, oversized_frame_is_refused_before_it_is_read) {
    Bytes input;
    ByteWriter writer(input);
    writer.number(kFrameMagic);
    writer.number(kWireVersion);
    writer.number(static_cast<std::uint8_t>(FrameType::kData));
    writer.number(static_cast<std::uint32_t>(kMaxPayload + 1));
    writer.number(std::uint64_t{1});
    writer.number(std::uint64_t{0});
    EXPECT_TRUE(read_all(input, 4096).error);
}

TEST(FrameAssembler, other_version_is_refused_with_both_versions) {
    Bytes input;
    append_frame(input, FrameType::kHello, 0, 0, {});
    input[2] = std::byte{9};
    const auto read = read_all(input, 4096);
    ASSERT_TRUE(read.error);
    EXPECT_EQ(read.error->what, "the peer speaks wire version 9, this member 1");
}

TEST(FrameAssembler, flipped_bits_of_the_header_never_give_more_than_the_bytes_that_are_there) {
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

TEST(FrameAssembler, noise_is_refused_or_waits) {
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
