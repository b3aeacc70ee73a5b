#include "daemons/isfcd/wire/messages.hpp"

#include <format>
#include <utility>

#include "lib/common/plain_text.hpp"

namespace ssi::isfc {
namespace {

// Numbers of the control messages on the wire; never reused.
enum class MessageType : std::uint8_t { kOpen = 1, kOpened, kRefused, kFin, kDone, kReset, kServices };

constexpr std::size_t kMostText = 4096;  // of an error, so that a GOODBYE fits into one frame
constexpr std::size_t kLengthSize = 4;   // in front of each message

void put(ByteWriter& writer, MessageType type) {
    writer.number(static_cast<std::uint8_t>(type));
}

void put(ByteWriter& writer, const Error& error) {
    writer.number(static_cast<std::uint16_t>(error.code));
    for (const auto* text : {&error.what, &error.object, &error.remedy})
        writer.text(std::string_view(*text).substr(0, kMostText));
}

Error take_error(ByteReader& reader) {
    Error error;
    error.code = static_cast<ErrorCode>(reader.number<std::uint16_t>());
    for (auto* text : {&error.what, &error.object, &error.remedy}) *text = plain_text(reader.text());
    return error;
}

void put(ByteWriter& writer, const OpenMessage& message) {
    put(writer, MessageType::kOpen);
    writer.number(message.stream);
    writer.number(message.limit);
    writer.text(message.service);
}
void put(ByteWriter& writer, const OpenedMessage& message) {
    put(writer, MessageType::kOpened);
    writer.number(message.stream);
    writer.number(message.limit);
    writer.number(static_cast<std::uint8_t>(message.stream_class));
}
void put(ByteWriter& writer, const RefusedMessage& message) {
    put(writer, MessageType::kRefused);
    writer.number(message.stream);
    put(writer, message.error);
}
void put(ByteWriter& writer, const FinMessage& message) {
    put(writer, MessageType::kFin);
    writer.number(message.stream);
    writer.number(message.final_offset);
}
void put(ByteWriter& writer, const DoneMessage& message) {
    put(writer, MessageType::kDone);
    writer.number(message.stream);
}
void put(ByteWriter& writer, const ResetMessage& message) {
    put(writer, MessageType::kReset);
    writer.number(message.stream);
    put(writer, message.error);
}
void put(ByteWriter& writer, const ServicesMessage& message) {
    put(writer, MessageType::kServices);
    writer.number(static_cast<std::uint32_t>(message.names.size()));
    for (const auto& name : message.names) writer.text(name);
}

ServicesMessage take_services(ByteReader& reader) {
    ServicesMessage message;
    const auto count = reader.number<std::uint32_t>();
    for (std::uint32_t i = 0; i < count && !reader.failed(); ++i) message.names.push_back(reader.text());
    return message;
}

/// Earlier versions did not send it; later ones may know more classes.
StreamClass take_class(ByteReader& reader) {
    const auto number = reader.left() > 0 ? reader.number<std::uint8_t>() : std::uint8_t{0};
    if (number < static_cast<std::uint8_t>(StreamClass::kControl) ||
        number > static_cast<std::uint8_t>(StreamClass::kBulk))
        return StreamClass::kInteractive;
    return static_cast<StreamClass>(number);
}

/// Braced initializers are evaluated from left to right, so the fields are read in the order of the wire.
std::optional<ControlMessage> take_message(ByteReader& reader) {
    switch (static_cast<MessageType>(reader.number<std::uint8_t>())) {
        case MessageType::kOpen:
            return OpenMessage{reader.number<StreamId>(), reader.number<std::uint64_t>(), reader.text()};
        case MessageType::kOpened:
            return OpenedMessage{reader.number<StreamId>(), reader.number<std::uint64_t>(), take_class(reader)};
        case MessageType::kRefused:
            return RefusedMessage{reader.number<StreamId>(), take_error(reader)};
        case MessageType::kFin:
            return FinMessage{reader.number<StreamId>(), reader.number<std::uint64_t>()};
        case MessageType::kDone:
            return DoneMessage{reader.number<StreamId>()};
        case MessageType::kReset:
            return ResetMessage{reader.number<StreamId>(), take_error(reader)};
        case MessageType::kServices:
            return take_services(reader);
    }
    return std::nullopt;
}

}  // namespace

Bytes encode(const Hello& hello) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.number(hello.features);
    writer.number(hello.session);
    for (const auto* text : {&hello.cluster_uuid, &hello.member, &hello.peer, &hello.channel, &hello.software})
        writer.text(*text);
    return bytes;
}

Result<Hello> parse_hello(ByteView payload) {
    ByteReader reader(payload);
    Hello hello;
    hello.features = reader.number<std::uint64_t>();
    hello.session = reader.number<std::uint64_t>();
    for (auto* text : {&hello.cluster_uuid, &hello.member, &hello.peer, &hello.channel, &hello.software})
        *text = reader.text();
    if (reader.failed() || hello.session == 0)
        return failure(ErrorCode::kProtocolViolated, "the peer's HELLO is incomplete");
    for (const auto* text : {&hello.cluster_uuid, &hello.member, &hello.peer, &hello.channel, &hello.software})
        if (!is_plain_text(*text)) return failure(ErrorCode::kProtocolViolated, "the peer's HELLO holds no names");
    return hello;
}

Bytes encode(const Goodbye& goodbye) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.number(static_cast<std::uint8_t>(goodbye.session_ends ? 1 : 0));
    put(writer, goodbye.reason);
    return bytes;
}

Result<Goodbye> parse_goodbye(ByteView payload) {
    ByteReader reader(payload);
    Goodbye goodbye;
    goodbye.session_ends = reader.number<std::uint8_t>() != 0;
    goodbye.reason = take_error(reader);
    if (reader.failed()) return failure(ErrorCode::kProtocolViolated, "the peer's GOODBYE is incomplete");
    return goodbye;
}

void append_message(Bytes& out, const ControlMessage& message) {
    Bytes body;
    ByteWriter body_writer(body);
    std::visit([&](const auto& one) { put(body_writer, one); }, message);
    ByteWriter(out).number(static_cast<std::uint32_t>(body.size()));
    out.insert(out.end(), body.begin(), body.end());
}

void ControlReader::feed(ByteView bytes) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(std::exchange(begin_, 0)));
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

Result<std::optional<ControlMessage>> ControlReader::next() {
    const auto bytes = ByteView(buffer_).subspan(begin_);
    if (bytes.size() < kLengthSize) return std::nullopt;
    const std::size_t length = ByteReader(bytes).number<std::uint32_t>();
    if (length == 0 || length > kMaxControlMessage)
        return failure(ErrorCode::kProtocolViolated, std::format("a control message of {} bytes", length));
    if (bytes.size() < kLengthSize + length) return std::nullopt;
    ByteReader reader(bytes.subspan(kLengthSize, length));
    auto message = take_message(reader);
    if (!message || reader.failed())
        return failure(ErrorCode::kProtocolViolated, "a control message that cannot be understood");
    begin_ += kLengthSize + length;
    return message;
}

}  // namespace ssi::isfc
