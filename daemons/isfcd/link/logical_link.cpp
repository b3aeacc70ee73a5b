// Channels, session and the life of streams; what goes out is in logical_link_send.cpp, what comes in in
// logical_link_receive.cpp.
#include "daemons/isfcd/link/logical_link.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace ssi::isfc {
namespace {

/// Credit of stream 0, known to both ends. What waits in it is bounded by the number of streams.
constexpr std::uint32_t kControlWindow = 1 << 20;

}  // namespace

LogicalLink::LogicalLink(const LinkOptions& options, LinkObserver& observer, BlockPool& pool)
    : options_(options),
      observer_(observer),
      pool_(pool),
      budget_(options.memory),
      next_own_(options.lower_slot ? 1 : 2) {
    begin_control();
}

void LogicalLink::begin_control() {
    control_.emplace(0, State::kOpen, pool_, nodes_);
    control_->stream_class = StreamClass::kControl;
    control_->window = kControlWindow;
    control_->limit = control_->limit_told = kControlWindow;
    control_reader_ = {};
}

// --- channels ---

void LogicalLink::add_channel(ChannelId channel, bool tells_arrived) {
    channels_[channel].tells_arrived = tells_arrived;
    tell_services();
    observer_.link_has_work();
}

std::uint64_t LogicalLink::remove_channel(ChannelId channel) {
    const auto lost = channels_.extract(channel);
    if (!lost) return 0;
    auto& flight = lost.mapped().flight;
    rescue(flight);
    if (lost.mapped().tells_arrived) return flight.rescued_bytes();
    // Its acknowledgements were not counted: any of them may be lost.
    if (control_->in.received() > 0) queue_ack(*control_);
    for (auto& [id, stream] : streams_)
        if (stream.state != State::kRequested) queue_ack(stream);
    return flight.rescued_bytes();
}

const Flight* LogicalLink::flight(ChannelId channel) const {
    const auto found = channels_.find(channel);
    return found == channels_.end() ? nullptr : &found->second.flight;
}

bool LogicalLink::is_late(ChannelId channel) const {
    const auto found = channels_.find(channel);
    return found != channels_.end() && found->second.is_late;
}

// --- session ---

void LogicalLink::restart(const Error& reason) {
    ++restarts_;
    const auto lost = std::exchange(streams_, {});
    acks_.clear();
    unacknowledged_.clear();
    queue_.clear();
    for (auto& [id, channel] : channels_) {
        const bool tells_arrived = channel.tells_arrived;
        channel = {};
        channel.tells_arrived = tells_arrived;
    }
    begin_control();
    budget_ = WindowBudget(options_.memory);
    send_buffered_ = 0;
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
    if (id == 0) return &*control_;
    const auto found = streams_.find(id);
    return found == streams_.end() ? nullptr : &found->second;
}

const LogicalLink::Stream* LogicalLink::find(StreamId id) const {
    return const_cast<LogicalLink*>(this)->find(id);
}

LogicalLink::Stream& LogicalLink::add_stream(StreamId id, State state) {
    auto& stream = streams_.try_emplace(id, id, state, pool_, nodes_).first->second;
    stream.window = budget_.open();
    stream.limit_told = stream.window;
    ++counters_.opened_streams;
    return stream;
}

void LogicalLink::remove_stream(StreamId id) {
    const auto found = streams_.find(id);
    if (found == streams_.end()) return;
    budget_.close(found->second.window);
    send_buffered_ -= found->second.out.size();
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

bool LogicalLink::accept(StreamId id, StreamClass stream_class) {
    auto* stream = find(id);
    if (stream == nullptr || stream->state != State::kRequested) return false;
    stream->state = State::kOpen;
    stream->stream_class = stream_class;
    send(OpenedMessage{id, stream->limit_told, stream_class});
    schedule(*stream);
    return true;
}

void LogicalLink::refuse(StreamId id, const Error& error) {
    const auto* stream = find(id);
    if (stream == nullptr || stream->state != State::kRequested) return;
    remove_stream(id);
    send(RefusedMessage{id, error});
}

void LogicalLink::finish(StreamId id) {
    auto* stream = find(id);
    if (stream == nullptr || std::exchange(stream->fin_sent, true)) return;
    send(FinMessage{id, stream->out.end()});
}

ByteViews LogicalLink::readable(StreamId id) const {
    const auto* stream = find(id);
    return stream == nullptr ? ByteViews() : stream->in.readable();
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

std::optional<StreamClass> LogicalLink::class_of(StreamId id) const {
    const auto* stream = find(id);
    return stream == nullptr ? std::nullopt : std::optional(stream->stream_class);
}

std::optional<StreamStatus> LogicalLink::status(StreamId id) const {
    const auto* stream = find(id);
    if (stream == nullptr) return std::nullopt;
    return StreamStatus{id,
                        stream->stream_class,
                        stream->state == State::kOpen,
                        stream->next,
                        stream->in.received(),
                        stream->out.size(),
                        static_cast<std::size_t>(stream->in.furthest() - stream->in.consumed()),
                        stream->window};
}

}  // namespace ssi::isfc
