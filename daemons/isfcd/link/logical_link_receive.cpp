// The receiving half of LogicalLink: what a peer sends is checked here and nowhere else.
#include <algorithm>
#include <format>
#include <limits>
#include <utility>

#include "daemons/isfcd/link/logical_link.hpp"

namespace ssi::isfc {
namespace {

/// The sender of a full channel learns of every so many frames at once, of fewer with the next tick.
constexpr std::uint64_t kTellEvery = 8;

std::unexpected<Error> violation(std::string what, StreamId stream) {
    return failure(ErrorCode::kProtocolViolated, std::move(what), std::format("stream {}", stream));
}

}  // namespace

Result<void> LogicalLink::receive(ChannelId id, InFrame frame, Time now) {
    const auto found = channels_.find(id);
    if (found == channels_.end()) return {};  // it was closed while this frame was read
    auto& channel = found->second;
    switch (frame.header.type) {
        case FrameType::kData:
        case FrameType::kAck:
            ++channel.received;
            if (channel.tells_arrived && !channel.arrived_due &&
                channel.received - channel.received_told >= kTellEvery) {
                channel.arrived_due = true;
                observer_.channel_has_work(id);
            }
            if (frame.header.type == FrameType::kAck) return receive_ack(frame);
            return receive_data(channel, std::move(frame), now);
        case FrameType::kArrived:
            return receive_arrived(channel, frame.header.offset, now);
        case FrameType::kHello:
        case FrameType::kGoodbye:
        case FrameType::kPing:
        case FrameType::kPong:
            break;
    }
    return violation("a frame that belongs to the channel, not to the link", frame.header.stream);
}

Result<void> LogicalLink::receive_data(Channel& channel, InFrame frame, Time now) {
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
    stream->held_by_window |= stream->limit_told - (offset + length) <= stream->window / 4;
    if (!std::exchange(stream->ack_pending, true)) unacknowledged_.push_back(id);
    if (stream->stream_class == StreamClass::kControl) channel.control_came_at = now;
    if (length == 0) return {};
    const auto before = stream->in.received();
    const auto dropped = stream->in.dropped();
    if (offset > before) ++counters_.reordered_frames;
    stream->in.insert(offset, std::move(frame.payload));
    counters_.duplicate_bytes += stream->in.dropped() - dropped;
    if (stream->in.received() == before) return {};
    if (id == 0) return read_control();
    observer_.stream_readable(id);
    return {};
}

Result<void> LogicalLink::receive_ack(const InFrame& frame) {
    const auto id = frame.header.stream;
    auto* stream = find(id);
    if (stream == nullptr) {
        ++counters_.ignored_frames;
        return {};
    }
    ByteReader reader(frame.body());
    const auto limit = reader.number<std::uint64_t>();
    if (reader.failed()) return violation("an incomplete acknowledgement", id);
    const auto before = stream->out.size();
    if (frame.header.offset > stream->next || !stream->out.acknowledge(frame.header.offset))
        return violation("an acknowledgement of what was never sent", id);
    // Acknowledgements of different channels overtake each other: only those that go further count.
    stream->limit = std::max(stream->limit, limit);
    schedule(*stream);
    if (id == 0) return {};
    send_buffered_ -= before - stream->out.size();
    observer_.stream_writable(id);
    return {};
}

Result<void> LogicalLink::receive_arrived(Channel& channel, std::uint64_t count, Time now) {
    if (!channel.tells_arrived || !channel.flight.arrived(count, now))
        return violation("word of the arrival of what was never sent", 0);
    const auto& flight = channel.flight;
    if (!channel.is_late || (!flight.is_empty() && now - flight.oldest().sent > flight.patience())) return {};
    channel.is_late = false;
    if (has_work()) observer_.link_has_work();
    return {};
}

Result<void> LogicalLink::read_control() {
    while (!control_->in.readable().empty()) {
        const auto bytes = control_->in.readable().front();
        control_reader_.feed(bytes);
        control_->in.consume(bytes.size());
        queue_ack_if_due(*control_);
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
    stream->stream_class = message.stream_class;
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
    if (stream->next != stream->out.end()) return violation("DONE before the last byte was sent", message.stream);
    send_buffered_ -= stream->out.size();
    (void)stream->out.acknowledge(stream->out.end());  // what was written can be acknowledged
    stream->done_received = true;
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
