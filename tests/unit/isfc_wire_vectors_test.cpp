// The test vectors of docs/isfc-wire.md: what a second implementation is written by is what this one sends and reads.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <map>
#include <regex>
#include <string>

#include "daemons/isfcd/wire/frame.hpp"
#include "daemons/isfcd/wire/messages.hpp"

namespace ssi::isfc {
namespace {

Bytes from_hex(std::string text) {
    std::erase_if(text, [](unsigned char c) { return std::isspace(c) != 0; });
    Bytes bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
        bytes.push_back(static_cast<std::byte>(std::stoul(text.substr(i, 2), nullptr, 16)));
    return bytes;
}

/// By the first word: PING, HELLO ...
std::map<std::string, Bytes> documented() {
    std::ifstream file(SSI_SOURCE_DIR "/docs/isfc-wire.md");
    const std::regex row(R"(\| ([A-Z]+).* \| `([0-9a-f ]+)` \|)");
    std::map<std::string, Bytes> vectors;
    for (std::string line; std::getline(file, line);)
        if (std::smatch match; std::regex_match(line, match, row)) vectors[match[1]] = from_hex(match[2]);
    return vectors;
}

Bytes bytes_of(const OutFrame& frame) {
    Bytes bytes(frame.head().begin(), frame.head().end());
    bytes.insert(bytes.end(), frame.body().begin(), frame.body().end());
    return bytes;
}

Bytes bytes_of(const ControlMessage& message) {
    Bytes bytes;
    append_message(bytes, message);
    return bytes;
}

const Error kError{ErrorCode::kChannelFailed, "w", "o", ""};
const Hello kHello{1, 0x1122334455667788, "u", "A", "B", "0", "1"};

class WireVectors : public ::testing::Test {
  protected:
    BlockPool pool_;
    std::map<std::string, Bytes> vectors_ = documented();

    Chunk chunk(std::string_view text) {
        Chunk chunk{pool_.take(text.size()), 0, static_cast<std::uint32_t>(text.size())};
        std::ranges::copy(std::as_bytes(std::span(text)), chunk.block->data());
        return chunk;
    }
    void expect_read_back(const std::string& name, const ControlMessage& message) {
        ControlReader reader;
        reader.feed(vectors_.at(name));
        const auto read = reader.next();
        ASSERT_TRUE(read && *read) << name;
        EXPECT_EQ(**read, message) << name;
    }
};

TEST_F(WireVectors, frames_are_as_documented) {
    EXPECT_EQ(bytes_of(make_frame(FrameType::kPing, 0, 0x0102030405060708)), vectors_.at("PING"));
    EXPECT_EQ(bytes_of(make_frame(3, 0x0102030405060708, chunk("hi"))), vectors_.at("DATA"));
    EXPECT_EQ(bytes_of(make_frame(FrameType::kAck, 4, 5, 262149)), vectors_.at("ACK"));
    EXPECT_EQ(bytes_of(make_frame(FrameType::kArrived, 0, 9)), vectors_.at("ARRIVED"));
}

TEST_F(WireVectors, handshake_is_as_documented_in_both_directions) {
    const Goodbye goodbye{true, kError};
    EXPECT_EQ(encode(kHello), vectors_.at("HELLO"));
    EXPECT_EQ(parse_hello(vectors_.at("HELLO")).value(), kHello);
    EXPECT_EQ(encode(goodbye), vectors_.at("GOODBYE"));
    EXPECT_EQ(parse_goodbye(vectors_.at("GOODBYE")).value(), goodbye);
}

TEST_F(WireVectors, control_messages_are_as_documented_in_both_directions) {
    const std::map<std::string, ControlMessage> messages{{"OPEN", OpenMessage{1, 262144, "echo"}},
                                                         {"OPENED", OpenedMessage{1, 262144, StreamClass::kBulk}},
                                                         {"REFUSED", RefusedMessage{1, kError}},
                                                         {"FIN", FinMessage{1, 7}},
                                                         {"DONE", DoneMessage{1}},
                                                         {"RESET", ResetMessage{1, kError}},
                                                         {"SERVICES", ServicesMessage{{"a", "bc"}}}};
    for (const auto& [name, message] : messages) {
        EXPECT_EQ(bytes_of(message), vectors_.at(name)) << name;
        expect_read_back(name, message);
    }
}

TEST_F(WireVectors, opened_of_an_older_member_is_interactive) {
    auto bytes = vectors_.at("OPENED");
    bytes.pop_back();
    bytes[3] = std::byte{0x11};
    ControlReader reader;
    reader.feed(bytes);
    const auto read = reader.next();
    ASSERT_TRUE(read && *read);
    EXPECT_EQ(std::get<OpenedMessage>(**read).stream_class, StreamClass::kInteractive);
}

}  // namespace
}  // namespace ssi::isfc
