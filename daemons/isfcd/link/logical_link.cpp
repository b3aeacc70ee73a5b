#include "daemons/isfcd/link/logical_link.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace ssi::isfc {
namespace {

/// Credit of stream 0, known to both ends. What waits in it is bounded by the number of streams.
constexpr std::uint64_t kControlWindow = 1 << 20;

}  // namespace

LogicalLink::LogicalLink(const LinkOptions& options, LinkObserver& observer)
    : options_(options), observer_(observer), next_own_(options.lower_slot ? 1 : 2) {
    control_.limit = control_.limit_told = kControlWindow;
}

std::size_t LogicalLink::Stream::sendable() const {
    const auto end = std::min(out.end(), limit);
    return next < end ? static_cast<std::size_t>(end - next) : 0;
}

// --- channels ---

void LogicalLink::add_channel(ChannelId channel) {
    channels_.try_emplace(channel);
    if (control_.channel == 0) control_.channel = channel;
    for (auto& [id, stream] : streams_)
        if (stream.channel == 0) pin(stream);
    tell_services();
    observer_.channel_has_work(channel);
}

void LogicalLink::remove_channel(ChannelId channel) {
    if (channels_.erase(channel) == 0) return;
    const auto send_again = [this](Stream& stream) {
        counters_.resent_bytes += stream.next - stream.out.acknowledged();
        stream.next = stream.out.acknowledged();
    };
    if (control_.channel == channel) {
        send_again(control_);
        control_.channel = channels_.empty() ? 0 : channels_.begin()->first;
        if (control_.channel != 0) observer_.channel_has_work(control_.channel);
    }
    // Acknowledgements may have died on the channel, whichever channel the stream itself sends on.
    if (control_.in.received() > 0) queue_ack(control_);
    for (auto& [id, stream] : streams_) {
        if (stream.channel == channel) {
            send_again(stream);
            stream.channel = 0;
            stream.in_ring = false;
            pin(stream);
        }
        if (stream.state != State::kRequested) queue_ack(stream);
    }
}

std::size_t LogicalLink::queued_on(const Channel& channel) const {
    std::size_t bytes = 0;
    for (const auto id : channel.ring)
        if (const auto* stream = find(id)) bytes += stream->sendable();
    return bytes;
}

/// Each stream uses the channel that has the least to do: fewest bytes queued, then fewest streams.
void LogicalLink::pin(Stream& stream) {
    if (channels_.empty()) return;
    auto best = channels_.begin();
    auto least = std::pair(queued_on(best->second), best->second.streams);
    for (auto other = std::next(best); other != channels_.end(); ++other) {
        const auto load = std::pair(queued_on(other->second), other->second.streams);
        if (load < least) {
            best = other;
            least = load;
        }
    }
    stream.channel = best->first;
    ++best->second.streams;
    schedule(stream);
}

void LogicalLink::schedule(Stream& stream) {
    if (stream.channel == 0 || stream.in_ring || stream.sendable() == 0) return;
    stream.in_ring = true;
    channels_.at(stream.channel).ring.push_back(stream.id);
    observer_.channel_has_work(stream.channel);
}

std::size_t LogicalLink::streams_on(ChannelId channel) const {
    const auto found = channels_.find(channel);
    return found == channels_.end() ? 0 : found->second.streams;
}

// --- sending ---

bool LogicalLink::pull(ChannelId channel, Bytes& out) {
    const auto found = channels_.find(channel);
    if (found == channels_.end()) return false;
    if (control_.channel == channel && control_.sendable() > 0) {
        append_data(control_, out);
        return true;
    }
    if (pull_ack(out)) return true;
    auto& ring = found->second.ring;
    while (!ring.empty()) {
        const auto id = ring.front();
        ring.pop_front();
        auto* stream = find(id);
        if (stream == nullptr || stream->channel != channel) continue;
        stream->in_ring = false;
        if (stream->sendable() == 0) continue;
        append_data(*stream, out);
        if (stream->sendable() > 0) {
            stream->in_ring = true;
            ring.push_back(id);
        }
        return true;
    }
    return false;
}

void LogicalLink::append_data(Stream& stream, Bytes& out) {
    const auto bytes = stream.out.view(stream.next, std::min(stream.sendable(), kMaxPayload));
    append_frame(out, FrameType::kData, stream.id, stream.next, bytes);
    stream.next += bytes.size();
    stream.furthest = std::max(stream.furthest, stream.next);
    counters_.sent_bytes += bytes.size();
}

std::uint64_t LogicalLink::window_of(const Stream& stream) const {
    return stream.id == 0 ? kControlWindow : options_.window;
}

bool LogicalLink::pull_ack(Bytes& out) {
    while (!acks_.empty()) {
        const auto id = acks_.front();
        acks_.pop_front();
        auto* stream = find(id);
        if (stream == nullptr) continue;
        stream->ack_queued = false;
        stream->limit_told = stream->in.consumed() + window_of(*stream);
        stream->received_told = stream->in.received();
        Bytes payload;
        ByteWriter(payload).number(stream->limit_told);
        append_frame(out, FrameType::kAck, id, stream->received_told, payload);
        return true;
    }
    return false;
}

void LogicalLink::queue_ack(Stream& stream) {
    if (std::exchange(stream.ack_queued, true)) return;
    acks_.push_back(stream.id);
    if (const auto channel = stream.channel != 0 ? stream.channel : control_.channel; channel != 0)
        observer_.channel_has_work(channel);
}

/// A frame for each quarter of the window: often enough to keep a sender going, seldom enough to cost nothing.
void LogicalLink::queue_ack_if_due(Stream& stream) {
    const auto window = window_of(stream);
    if (stream.in.consumed() + window - stream.limit_told >= window / 4) queue_ack(stream);
}

void LogicalLink::refresh_acknowledgements() {
    const auto refresh = [this](Stream& stream) {
        if (stream.in.received() != stream.received_told) queue_ack(stream);
    };
    refresh(control_);
    for (auto& [id, stream] : streams_) refresh(stream);
}

void LogicalLink::send(const ControlMessage& message) {
    Bytes bytes;
    append_message(bytes, message);
    control_.out.append(bytes);
    if (control_.channel != 0) observer_.channel_has_work(control_.channel);
}

// --- session ---

void LogicalLink::restart(const Error& reason) {
    ++restarts_;
    const auto lost = std::exchange(streams_, {});
    acks_.clear();
    for (auto& [id, channel] : channels_) channel = {};
    const auto channel = control_.channel;
    control_ = {};
    control_.channel = channel;
    control_.limit = control_.limit_told = kControlWindow;
    control_reader_ = {};
    last_of_peer_ = 0;
    services_told_ = false;
    tell_services();
    counters_.failed_streams += lost.size();
    for (const auto& [id, stream] : lost) observer_.stream_failed(id, reason);
}

void LogicalLink::announce(std::vector<std::string> services) {
    services_ = std::move(services);
    services_told_ = false;
    tell_services();
}

/// Only while the link is up: stream 0 must not grow with every change while nobody listens.
void LogicalLink::tell_services() {
    if (services_told_ || channels_.empty()) return;
    services_told_ = true;
    send(ServicesMessage{services_});
}

// --- streams ---

LogicalLink::Stream* LogicalLink::find(StreamId id) {
    if (id == 0) return &control_;
    const auto found = streams_.find(id);
    return found == streams_.end() ? nullptr : &found->second;
}

const LogicalLink::Stream* LogicalLink::find(StreamId id) const {
    return const_cast<LogicalLink*>(this)->find(id);
}

LogicalLink::Stream& LogicalLink::add_stream(StreamId id, State state) {
    auto& stream = streams_[id];
    stream.id = id;
    stream.state = state;
    stream.limit_told = options_.window;
    ++counters_.opened_streams;
    pin(stream);
    return stream;
}

void LogicalLink::remove_stream(StreamId id) {
    const auto found = streams_.find(id);
    if (found == streams_.end()) return;
    if (const auto channel = channels_.find(found->second.channel); channel != channels_.end())
        --channel->second.streams;
    streams_.erase(found);
}

void LogicalLink::fail_stream(StreamId id, const Error& error) {
    remove_stream(id);
    ++counters_.failed_streams;
    observer_.stream_failed(id, error);
}

void LogicalLink::close_if_done(Stream& stream) {
    if (!stream.done_received || !stream.done_sent) return;
    const auto id = stream.id;
    remove_stream(id);
    observer_.stream_closed(id);
}

Result<StreamId> LogicalLink::open(const std::string& service) {
    if (streams_.size() >= options_.max_streams)
        return failure(ErrorCode::kLinkDown, std::format("{} streams are open: no more", streams_.size()), service,
                       "end some of them");
    const auto id = next_own_;
    next_own_ += 2;
    const auto& stream = add_stream(id, State::kOpening);
    send(OpenMessage{id, stream.limit_told, service});
    return id;
}

bool LogicalLink::accept(StreamId id) {
    auto* stream = find(id);
    if (stream == nullptr || stream->state != State::kRequested) return false;
    stream->state = State::kOpen;
    send(OpenedMessage{id, stream->limit_told});
    schedule(*stream);
    return true;
}

void LogicalLink::refuse(StreamId id, const Error& error) {
    const auto* stream = find(id);
    if (stream == nullptr || stream->state != State::kRequested) return;
    remove_stream(id);
    send(RefusedMessage{id, error});
}

std::size_t LogicalLink::room(StreamId id) const {
    const auto* stream = find(id);
    if (stream == nullptr || stream->fin_sent || stream->out.size() >= options_.window) return 0;
    return options_.window - stream->out.size();
}

void LogicalLink::write(StreamId id, ByteView bytes) {
    auto* stream = find(id);
    if (stream == nullptr || stream->fin_sent) return;
    stream->out.append(bytes);
    schedule(*stream);
}

void LogicalLink::finish(StreamId id) {
    auto* stream = find(id);
    if (stream == nullptr || std::exchange(stream->fin_sent, true)) return;
    send(FinMessage{id, stream->out.end()});
}

ByteView LogicalLink::readable(StreamId id) const {
    const auto* stream = find(id);
    return stream == nullptr ? ByteView() : stream->in.readable();
}

void LogicalLink::consume(StreamId id, std::size_t count) {
    auto* stream = find(id);
    if (stream == nullptr) return;
    stream->in.consume(count);
    queue_ack_if_due(*stream);
}

bool LogicalLink::at_end(StreamId id) const {
    const auto* stream = find(id);
    return stream != nullptr && stream->in.consumed() == stream->final_offset;
}

void LogicalLink::end_delivered(StreamId id) {
    auto* stream = find(id);
    if (!at_end(id) || std::exchange(stream->done_sent, true)) return;
    send(DoneMessage{id});
    close_if_done(*stream);
}

void LogicalLink::reset(StreamId id, const Error& error) {
    if (find(id) == nullptr) return;
    remove_stream(id);
    ++counters_.failed_streams;
    send(ResetMessage{id, error});
}

}  // namespace ssi::isfc
