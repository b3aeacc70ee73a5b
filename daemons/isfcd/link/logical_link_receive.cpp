// The receiving half of LogicalLink: what a peer sends is checked here and nowhere else.
#include <format>
#include <limits>
#include <utility>

#include "daemons/isfcd/link/logical_link.hpp"

namespace ssi::isfc {
namespace {

std::unexpected<Error> violation(std::string what, StreamId stream) {
    return failure(ErrorCode::kProtocolViolated, std::move(what), std::format("stream {}", stream));
}

}  // namespace

Result<void> LogicalLink::receive(const Frame& frame) {
    switch (frame.header.type) {
        case FrameType::kData:
            return receive_data(frame);
        case FrameType::kAck:
            return receive_ack(frame);
        case FrameType::kHello:
        case FrameType::kGoodbye:
        case FrameType::kPing:
        case FrameType::kPong:
            break;
    }
    return violation("a frame that belongs to the channel, not to the link", frame.header.stream);
}

Result<void> LogicalLink::receive_data(const Frame& frame) {
    const auto& [type, length, id, offset] = frame.header;
    counters_.received_bytes += length;
    auto* stream = find(id);
    if (stream == nullptr) {  // sent before the peer learned that the stream is gone
        ++counters_.ignored_frames;
        return {};
    }
    if (stream->state == State::kRequested) return violation("data before OPENED", id);
    if (offset > stream->limit_told || length > stream->limit_told - offset)
        return violation("data beyond the credit", id);
    if (stream->final_offset != kNoFinal && offset + length > stream->final_offset)
        return violation("data beyond the stream's end", id);
    const auto before = stream->in.received();
    stream->in.insert(offset, frame.payload);
    if (stream->in.received() == before) return {};
    if (id == 0) return read_control();
    observer_.stream_readable(id);
    return {};
}

Result<void> LogicalLink::receive_ack(const Frame& frame) {
    const auto id = frame.header.stream;
    auto* stream = find(id);
    if (stream == nullptr) {
        ++counters_.ignored_frames;
        return {};
    }
    ByteReader reader(frame.payload);
    const auto limit = reader.number<std::uint64_t>();
    if (reader.failed()) return violation("an incomplete acknowledgement", id);
    if (frame.header.offset > stream->furthest || !stream->out.acknowledge(frame.header.offset))
        return violation("an acknowledgement of what was never sent", id);
    // Acknowledgements of different channels overtake each other: only those that go further count.
    stream->next = std::max(stream->next, stream->out.acknowledged());
    stream->limit = std::max(stream->limit, limit);
    if (id == 0) {
        if (control_.channel != 0 && control_.sendable() > 0) observer_.channel_has_work(control_.channel);
        return {};
    }
    schedule(*stream);
    observer_.stream_writable(id);
    return {};
}

Result<void> LogicalLink::read_control() {
    while (!control_.in.readable().empty()) {
        const auto bytes = control_.in.readable();
        control_reader_.feed(bytes);
        control_.in.consume(bytes.size());
        queue_ack_if_due(control_);
        for (;;) {
            auto message = control_reader_.next();
            if (!message) return std::unexpected(message.error());
            if (!*message) break;
            const auto session = restarts_;
            if (auto handled = std::visit([this](const auto& one) { return handle(one); }, **message); !handled)
                return handled;
            if (session != restarts_) return {};  // an observer began a new session: what is left is of the old one
        }
    }
    return {};
}

Result<void> LogicalLink::handle(const OpenMessage& message) {
    const bool odd = message.stream % 2 == 1;
    if (message.stream <= last_of_peer_ || odd == options_.lower_slot)
        return violation("a stream number out of turn", message.stream);
    last_of_peer_ = message.stream;
    if (streams_.size() >= options_.max_streams) {
        send(RefusedMessage{message.stream, Error{ErrorCode::kLinkDown, "too many streams", message.service, ""}});
        return {};
    }
    auto& stream = add_stream(message.stream, State::kRequested);
    stream.limit = message.limit;
    observer_.stream_requested(message.stream, message.service);
    return {};
}

Result<void> LogicalLink::handle(const OpenedMessage& message) {
    auto* stream = find(message.stream);
    if (message.stream == 0) return violation("OPENED for stream 0", 0);
    if (stream == nullptr) return {};
    if (stream->state != State::kOpening) return violation("OPENED twice", message.stream);
    stream->state = State::kOpen;
    stream->limit = std::max(stream->limit, message.limit);
    schedule(*stream);
    observer_.stream_opened(message.stream);
    return {};
}

Result<void> LogicalLink::handle(const RefusedMessage& message) {
    const auto* stream = find(message.stream);
    if (stream == nullptr) return {};
    if (stream->state != State::kOpening || message.stream == 0)
        return violation("REFUSED for a stream that is open", message.stream);
    fail_stream(message.stream, message.error);
    return {};
}

Result<void> LogicalLink::handle(const FinMessage& message) {
    auto* stream = find(message.stream);
    if (stream == nullptr) return {};
    if (message.stream == 0 || stream->state != State::kOpen || stream->final_offset != kNoFinal ||
        message.final_offset == kNoFinal || message.final_offset < stream->in.furthest())
        return violation("an end that cannot be", message.stream);
    stream->final_offset = message.final_offset;
    observer_.stream_readable(message.stream);
    return {};
}

Result<void> LogicalLink::handle(const DoneMessage& message) {
    auto* stream = find(message.stream);
    if (stream == nullptr) return {};
    if (!stream->fin_sent || message.stream == 0) return violation("DONE without an end", message.stream);
    if (stream->furthest != stream->out.end() || !stream->out.acknowledge(stream->out.end()))
        return violation("DONE before the last byte was sent", message.stream);
    stream->done_received = true;
    stream->next = stream->out.end();
    close_if_done(*stream);
    return {};
}

Result<void> LogicalLink::handle(const ResetMessage& message) {
    if (message.stream == 0) return violation("RESET of stream 0", 0);
    if (find(message.stream) == nullptr) return {};
    fail_stream(message.stream, message.error);
    return {};
}

Result<void> LogicalLink::handle(const ServicesMessage& message) {
    observer_.services_announced(message.names);
    return {};
}

}  // namespace ssi::isfc
