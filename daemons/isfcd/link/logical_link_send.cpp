// The sending half of LogicalLink: which frame goes next, what is sent again, what is acknowledged.
#include <algorithm>
#include <utility>

#include "daemons/isfcd/link/logical_link.hpp"

namespace ssi::isfc {
namespace {

/// A local program's bytes are taken in before the peer has given credit for them, so that none is wasted.
constexpr std::size_t kAhead = 256 * 1024;
/// Received bytes that are not worth a frame of their own are acknowledged after this, so that the peer may forget
/// them.
constexpr std::chrono::milliseconds kAckDelay{20};
/// The express channel is kept clear for so long after the last control frame, if the link has so many channels.
constexpr std::chrono::seconds kClearTime{1};
constexpr std::size_t kClearChannels = 4;
/// A control stream with more to send than this is not waiting for an answer: it takes its turn among the others.
constexpr std::size_t kMostControl = 64 * 1024;

}  // namespace

std::size_t LogicalLink::Stream::sendable() const {
    const auto end = std::min(out.end(), limit);
    return next < end ? static_cast<std::size_t>(end - next) : 0;
}

// --- bytes of local programs ---

std::size_t LogicalLink::room(StreamId id) const {
    const auto* stream = find(id);
    if (stream == nullptr || stream->fin_sent) return 0;
    const auto credit = static_cast<std::size_t>(stream->limit - std::min(stream->limit, stream->out.acknowledged()));
    // When the memory is used up, each stream still gets a little of its own.
    const auto size = stream->out.size();
    const auto left = options_.memory - std::min(options_.memory, send_buffered_);
    const auto most = std::min(credit + kAhead, std::max(size + left, BlockPool::kFull));
    return size < most ? most - size : 0;
}

void LogicalLink::write(StreamId id, ByteView bytes) {
    auto* stream = find(id);
    if (stream == nullptr || stream->fin_sent) return;
    stream->out.append(bytes);
    send_buffered_ += bytes.size();
    schedule(*stream);
}

Spaces LogicalLink::space(StreamId id, std::size_t most) {
    auto* stream = find(id);
    return stream == nullptr ? Spaces() : stream->out.space(most);
}

void LogicalLink::commit(StreamId id, std::size_t count) {
    auto* stream = find(id);
    if (stream == nullptr) return;
    stream->out.commit(count);
    send_buffered_ += count;
    schedule(*stream);
}

void LogicalLink::send(const ControlMessage& message) {
    Bytes bytes;
    append_message(bytes, message);
    control_->out.append(bytes);
    schedule(*control_);
}

void LogicalLink::schedule(Stream& stream) {
    if (stream.in_queue || stream.sendable() == 0) return;
    stream.in_queue = true;
    const bool much =
        stream.id != 0 && stream.stream_class == StreamClass::kControl && stream.sendable() > kMostControl;
    queue_.enqueue(much ? StreamClass::kInteractive : stream.stream_class, stream.id);
    observer_.link_has_work();
}

// --- frames ---

bool LogicalLink::pull(ChannelId id, Time now, OutFrame& out, std::size_t most_bulk) {
    const auto found = channels_.find(id);
    if (found == channels_.end()) return false;
    auto& channel = found->second;
    if (std::exchange(channel.arrived_due, false)) {
        channel.received_told = channel.received;
        out = make_frame(FrameType::kArrived, 0, channel.received);
        return true;
    }
    if (channel.is_late && !all_late()) return false;
    if (pull_ack(channel, now, out)) return true;
    while (const auto turn = queue_.next(may_carry_control(id), most_bulk > 0)) {
        const bool is_control = turn->stream_class == StreamClass::kControl;
        if (!pull_turn(channel, *turn, is_control ? BlockPool::kFull : most_bulk, now, out)) continue;
        if (is_control) control_sent_at_ = now;
        return true;
    }
    return false;
}

bool LogicalLink::may_carry_control(ChannelId channel) const {
    if (express_ == 0 || channel == express_) return true;
    const auto express = channels_.find(express_);
    return express == channels_.end() || !express->second.tells_arrived || express->second.is_late;
}

bool LogicalLink::is_kept_clear(ChannelId channel, Time now) const {
    return channel == express_ && channels_.size() >= kClearChannels && now - control_sent_at_ < kClearTime;
}

bool LogicalLink::carries_control(ChannelId id, Time now) const {
    if (id == express_ && now - control_sent_at_ < kClearTime) return true;
    const auto found = channels_.find(id);
    return found != channels_.end() && now - found->second.control_came_at < kClearTime;
}

bool LogicalLink::pull_turn(Channel& channel, const SendQueue::Turn& turn, std::size_t most, Time now, OutFrame& out) {
    auto* stream = find(turn.stream);
    if (stream == nullptr) return false;
    std::uint64_t from = 0;
    Chunk chunk;
    if (turn.again) {
        const auto end = turn.again->offset + turn.again->length;
        from = std::max(turn.again->offset, stream->out.acknowledged());
        if (from >= end) return false;
        chunk = stream->out.chunk(from, std::min(most, static_cast<std::size_t>(end - from)));
        const auto rest = static_cast<std::uint32_t>(end - from - chunk.size());
        if (rest > 0) queue_.resend(turn.stream_class, {stream->id, end - rest, rest});
        counters_.resent_bytes += chunk.size();
    } else {
        stream->in_queue = false;
        if (stream->sendable() == 0) return false;
        from = stream->next;
        chunk = stream->out.chunk(from, std::min(most, stream->sendable()));
        stream->next += chunk.size();
        schedule(*stream);
    }
    const auto length = static_cast<std::uint32_t>(chunk.size());
    counters_.sent_bytes += length;
    // Without ARRIVED the acknowledgements of the streams must do.
    while (!channel.tells_arrived && !channel.flight.is_empty()) {
        const auto& oldest = channel.flight.oldest();
        const auto* carried = find(oldest.stream);
        if (carried != nullptr && carried->out.acknowledged() < oldest.offset + oldest.length) break;
        channel.flight.forget_oldest();
    }
    channel.flight.sent({stream->id, from, length, false, now});
    out = make_frame(stream->id, from, std::move(chunk));
    return true;
}

bool LogicalLink::pull_ack(Channel& channel, Time now, OutFrame& out) {
    while (!acks_.empty()) {
        const auto id = acks_.front();
        acks_.pop_front();
        auto* stream = find(id);
        if (stream == nullptr) continue;
        stream->ack_queued = false;
        stream->limit_told = std::max(stream->limit_told, stream->in.consumed() + stream->window);
        stream->received_told = stream->in.received();
        if (channel.tells_arrived) channel.flight.sent({id, 0, 0, false, now});
        out = make_frame(FrameType::kAck, id, stream->received_told, stream->limit_told);
        return true;
    }
    return false;
}

// --- channels that are lost or late ---

/// Sent twice is better than late: the receiver drops what it has (ReceiveBuffer).
void LogicalLink::rescue(Flight& flight) {
    for (auto& frame : flight.frames()) {
        if (std::exchange(frame.rescued, true)) continue;
        auto* stream = find(frame.stream);
        if (stream == nullptr) continue;
        if (frame.length == 0)
            queue_ack(*stream);
        else if (stream->out.acknowledged() < frame.offset + frame.length) {
            queue_.resend(stream->stream_class, {frame.stream, frame.offset, frame.length});
            flight.count_rescued(frame.length);
        }
    }
    if (has_work()) observer_.link_has_work();
}

bool LogicalLink::all_late() const {
    return std::ranges::all_of(channels_, [](const auto& entry) { return entry.second.is_late; });
}

/// A channel is late when its oldest frame is under way for longer than its patience, although others have delivered
/// what was sent well after it; or for longer than the patience of any, when the others have nothing left to do: then
/// the windows are full of what waits for this frame. When all stand still it is the peer that is held up.
void LogicalLink::judge(ChannelId id, Channel& channel, Time now) {
    auto& flight = channel.flight;
    if (!channel.tells_arrived || channel.is_late || flight.is_empty()) return;
    const auto sent = flight.oldest().sent;
    auto patience = flight.patience();
    auto least_patience = patience;
    bool others = false;
    bool others_idle = true;
    bool others_deliver = false;
    for (const auto& [other, one] : channels_) {
        if (other == id || one.is_late) continue;
        others = true;
        others_idle &= one.flight.is_empty();
        others_deliver |= one.flight.latest_arrived() >= sent + patience / 2;
        if (one.flight.delay().count() > 0) least_patience = std::min(least_patience, one.flight.patience());
    }
    if (!others || !(others_idle || others_deliver)) return;
    if (others_idle) patience = least_patience;
    if (now - sent <= patience) return;
    channel.is_late = true;
    ++counters_.late_channels;
    rescue(flight);
}

bool LogicalLink::needs_ticks() const {
    return !unacknowledged_.empty() || std::ranges::any_of(channels_, [](const auto& entry) {
        const auto& channel = entry.second;
        return channel.tells_arrived && (!channel.flight.is_empty() || channel.received > channel.received_told);
    });
}

void LogicalLink::tick(Time now) {
    for (auto& [id, channel] : channels_) {
        judge(id, channel, now);
        if (!channel.tells_arrived || channel.arrived_due || channel.received == channel.received_told) continue;
        channel.arrived_due = true;
        observer_.channel_has_work(id);
    }
    if (now - acknowledged_at_ >= kAckDelay) acknowledge_pending(now);
}

// --- acknowledgements ---

void LogicalLink::acknowledge_pending(Time now) {
    acknowledged_at_ = now;
    for (const auto id : std::exchange(unacknowledged_, {})) {
        auto* stream = find(id);
        if (stream == nullptr) continue;
        stream->ack_pending = false;
        if (stream->in.received() != stream->received_told) queue_ack(*stream);
    }
}

void LogicalLink::queue_ack(Stream& stream) {
    if (std::exchange(stream.ack_queued, true)) return;
    push_growing(acks_, stream.id);
    observer_.link_has_work();
}

/// A frame for each quarter of the window: often enough to keep a sender going, seldom enough to cost nothing. A stream
/// whose program keeps up with a peer that is held up by the window gets more of it.
void LogicalLink::queue_ack_if_due(Stream& stream) {
    if (stream.in.consumed() + stream.window - std::min(stream.limit_told, stream.in.consumed() + stream.window) <
        stream.window / 4)
        return;
    if (stream.id != 0) {
        const bool keeps_up = stream.in.received() - stream.in.consumed() <= stream.window / 4;
        const bool held = std::exchange(stream.held_by_window, false);
        stream.window = held && keeps_up ? budget_.grow(stream.window) : budget_.shrink(stream.window);
    }
    queue_ack(stream);
}

}  // namespace ssi::isfc
