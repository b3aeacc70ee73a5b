#include "tests/sim/isfc_sim_end.hpp"

#include <cstring>
#include <format>
#include <utility>

namespace ssi::isfc::sim {
namespace {

constexpr std::size_t kMostFramesInARow = 4;  // Channel lets others run after so many

// Of bulk on the express channel, while there are control streams and its socket is empty (SocketBudget).
constexpr std::size_t kLeastClear = 3 * 1024;
constexpr Duration kClearTime{100};

/// Feeds a frame to an assembler as a socket would; its frame is whole then.
InFrame assemble(FrameAssembler& assembler, const OutFrame& frame) {
    bool whole = false;
    for (auto part : {frame.head(), frame.body()})
        while (!part.empty()) {
            const auto want = assembler.want();
            const auto size = std::min(want.size(), part.size());
            std::memcpy(want.data(), part.data(), size);
            part = part.subspan(size);
            const auto filled = assembler.filled(size);
            if (!filled) throw Violation("a frame that cannot be read: " + filled.error().what);
            whole = *filled;
        }
    if (!whole) throw Violation("a frame that is not whole");
    return assembler.take();
}

Duration microseconds_of(Time time) {
    return std::chrono::duration_cast<Duration>(time.time_since_epoch());
}

}  // namespace

End::End(World& world, Side side, const EndOptions& options, Programs& programs)
    : world_(world),
      side_(side),
      options_(options),
      programs_(programs),
      link_({side == 0, options.link.memory, options.link.max_streams}, *this, pool_),
      session_(world.random() | 1) {}

/// The kernel closes what the process leaves behind.
End::~End() {
    for (const auto& [id, channel] : channels_) channel->wire->close(side_, world_.chance(0.5));
}

void End::start(std::vector<Path>& paths, std::function<std::shared_ptr<End>()> peer) {
    peer_ = std::move(peer);
    keep_time(options_.timing.heartbeat);
    if (side_ != 0) return;
    for (auto& path : paths)
        act(world_.between(Duration(0), Duration(5'000)),
            [this, &path] { connect(path, options_.timing.backoff_least); });
}

void End::stop() {
    stopping_ = true;
    end_session(Error{ErrorCode::kLinkDown, "isfcd stops", "", ""}, true, true);
}

void End::act(Duration delay, std::function<void()> what) {
    world_.after(delay, [weak = weak_from_this(), act = std::move(what)]() mutable {
        const auto self = weak.lock();
        if (!self) return;
        if (self->frozen_)
            self->held_back_.push_back(std::move(act));
        else
            act();
    });
}

void End::thaw() {
    frozen_ = false;
    for (auto& what : std::exchange(held_back_, {})) act(Duration(0), std::move(what));
}

bool End::is_quiet() const {
    if (link_.has_work() || link_.needs_ticks()) return false;
    return std::ranges::all_of(
        channels_, [&](const auto& one) { return link_.flight(one.first)->is_empty() && !link_.is_late(one.first); });
}

// --- connections (PeerLink::keep_connected, accept, adopt) ---

OutFrame End::hello() {
    return make_frame(FrameType::kHello,
                      encode(Hello{options_.knows_arrived ? kFeatureArrived : 0, session_.own(), "uuid", "this", "that",
                                   "channel", "0"}),
                      pool_);
}

void End::connect_again(Path& path, Duration backoff) {
    const auto most = std::chrono::duration_cast<Duration>(options_.timing.backoff_most);
    act(backoff / 2 + world_.between(Duration(0), backoff / 2),
        [this, &path, next = std::min(backoff * 2, most)] { connect(path, next); });
}

void End::connect(Path& path, Duration backoff) {
    const bool is_up = std::ranges::any_of(channels_, [&](const auto& one) { return one.second->path == &path; });
    if (stopping_ || is_up) return;
    const auto sent_own = session_.own();
    const auto peer = peer_();
    // Until HELLO is there: connection, certificates.
    const auto time = path.delay * 4 + world_.between(Duration(0), Duration(2'000));
    if (peer == nullptr || path.refuses || path.stalled) {
        act(path.stalled ? options_.timing.handshake : time, [this, &path, backoff] { connect_again(path, backoff); });
        return;
    }
    const auto wire = std::make_shared<Wire>(world_, path);
    const auto over = std::make_shared<bool>(false);
    path.wires.push_back(wire);
    wire->attach(0, {.readable =
                         [this, self = weak_from_this(), weak = std::weak_ptr(wire), over, &path, sent_own, backoff] {
                             if (self.expired()) return;
                             act(Duration(0), [this, weak, over, &path, sent_own, backoff] {
                                 const auto answering = weak.lock();
                                 if (answering && !std::exchange(*over, true))
                                     answered(answering, path, sent_own, backoff);
                             });
                         },
                     .writable = {}});
    act(options_.timing.handshake, [this, wire, over, &path, backoff] {
        if (std::exchange(*over, true)) return;
        wire->close(0, true);
        connect_again(path, backoff);
    });
    peer->act(time, [raw = peer.get(), wire, &path, said = std::make_shared<OutFrame>(hello())] {
        raw->greeted(wire, path, *parse_hello(said->body()));
    });
}

void End::greeted(const std::shared_ptr<Wire>& wire, Path& path, const Hello& peer_hello) {
    if (!stopping_ && adopt(wire, path, peer_hello, session_.own(), hello())) return;
    auto goodbye = make_frame(FrameType::kGoodbye, encode(Goodbye{}), pool_);
    wire->write(side_, goodbye, options_.send_buffer);
    wire->close(side_, false);
}

void End::answered(const std::shared_ptr<Wire>& wire, Path& path, std::uint64_t sent_own, Duration backoff) {
    FrameAssembler assembler(pool_);
    const auto first = wire->read(0);
    if (!stopping_ && first) {
        const auto frame = assemble(assembler, *first);
        if (frame.header.type == FrameType::kHello && adopt(wire, path, *parse_hello(frame.body()), sent_own, {}))
            return;
    }
    wire->close(0, world_.chance(0.5));
    if (!stopping_) connect_again(path, backoff);
}

bool End::adopt(const std::shared_ptr<Wire>& wire, Path& path, const Hello& peer_hello, std::uint64_t sent_own,
                std::optional<OutFrame> answer) {
    switch (session_.judge(sent_own, peer_hello.session, !channels_.empty())) {
        case SessionAgreement::Verdict::kJoin:
            break;
        case SessionAgreement::Verdict::kRestart:
            end_session(Error{ErrorCode::kLinkDown, "the peer began anew", "", ""}, false, false);
            break;
        case SessionAgreement::Verdict::kRenew:
            end_session(Error{ErrorCode::kLinkDown, "the link begins anew", "", ""}, true, false);
            return false;
        case SessionAgreement::Verdict::kRefuse:
            return false;
    }
    for (const auto& [id, channel] : std::map(channels_))
        if (channel->path == &path)
            close(channel, Error{ErrorCode::kChannelFailed, "the peer made the channel anew", "", ""}, {});
    const auto id = ++last_channel_;
    const auto channel = std::make_shared<Channel>(
        Channel{.id = id, .path = &path, .wire = wire, .assembler = FrameAssembler(pool_), .since = world_.now()});
    if (answer) channel->urgent.push_back(std::move(*answer));
    channels_.emplace(id, channel);
    world_.tell("side {}: channel {} ({}) is up", side_, id, path.name);
    down_since_.reset();
    const auto weak = std::weak_ptr(channel);
    wire->attach(side_, {.readable =
                             [this, self = weak_from_this(), weak] {
                                 const auto one = weak.lock();
                                 if (self.expired() || !one || std::exchange(one->reading, true)) return;
                                 act(Duration(0), [this, one] { read(one); });
                             },
                         .writable =
                             [this, self = weak_from_this(), weak] {
                                 const auto one = weak.lock();
                                 if (!self.expired() && one) write_soon(one);
                             }});
    channel->reading = true;
    act(Duration(0), [this, channel] { read(channel); });
    write(channel);
    beat(channel);
    link_.add_channel(id, options_.knows_arrived && (peer_hello.features & kFeatureArrived) != 0);
    return true;
}

// --- channels (Channel, PeerLink's ChannelOwner) ---

void End::read(const ChannelRef& channel) {
    channel->reading = false;
    const auto most = 1 + world_.number(kMostFramesInARow);
    for (std::size_t count = 0; channel->open; ++count) {
        if (count == most) {
            channel->reading = true;
            act(Duration(0), [this, channel] { read(channel); });
            return;
        }
        const auto frame = channel->wire->read(side_);
        if (!frame) {
            if (channel->wire->has_ended(side_))
                finish(channel, Error{ErrorCode::kChannelFailed, "the peer closed the connection", "", ""}, false);
            return;
        }
        channel->heard = true;
        handle(channel, assemble(channel->assembler, *frame));
    }
}

void End::handle(const ChannelRef& channel, InFrame frame) {
    switch (frame.header.type) {
        case FrameType::kData:
        case FrameType::kAck:
        case FrameType::kArrived: {
            const auto received = link_.receive(channel->id, std::move(frame), world_.now());
            begin_ticking();
            if (!received) throw Violation("an honest peer is accused: " + received.error().text());
            return;
        }
        case FrameType::kPing:
            channel->urgent.push_back(make_frame(FrameType::kPong, 0, frame.header.offset));
            return write_soon(channel);
        case FrameType::kPong:
            channel->round_trip = microseconds_of(world_.now()) - Duration(frame.header.offset);
            channel->least_round_trip = std::min(channel->least_round_trip, channel->round_trip);
            return;
        case FrameType::kGoodbye: {
            const auto goodbye = parse_goodbye(frame.body());
            return finish(channel, goodbye->reason, goodbye->session_ends);
        }
        case FrameType::kHello:
            throw Violation("HELLO twice");
    }
}

bool End::next_frame(Channel& channel, OutFrame& frame) {
    if (channel.blocked) {
        frame = *std::exchange(channel.blocked, {});
        return true;
    }
    if (!channel.urgent.empty()) {
        frame = std::move(channel.urgent.front());
        channel.urgent.pop_front();
        return true;
    }
    if (channel.open) {  // PeerLink::pull_frame
        if (!link_.pull(channel.id, world_.now(), frame, most_bulk(channel))) return false;
        if (link_.has_work()) link_has_work();
        begin_ticking();
        return true;
    }
    if (!channel.goodbye) return false;
    frame = *std::exchange(channel.goodbye, {});
    return true;
}

std::size_t End::most_bulk(const Channel& channel) const {
    if (!link_.is_kept_clear(channel.id, world_.now())) return BlockPool::kFull;
    return channel.wire->unsent_bytes(side_) == 0 ? std::max(kLeastClear, channel.wire->bytes_in(kClearTime)) : 0;
}

void End::write_soon(const ChannelRef& channel) {
    if (std::exchange(channel->writing, true)) return;
    act(Duration(0), [this, channel] { write(channel); });
}

void End::write(const ChannelRef& channel) {
    channel->writing = false;
    channel->idle = false;
    const auto most = 1 + world_.number(kMostFramesInARow);
    for (std::size_t count = 0; channel->open || channel->leaving; ++count) {
        if (count == most) return write_soon(channel);
        OutFrame frame;
        if (!next_frame(*channel, frame)) {
            channel->idle = most_bulk(*channel) > 0;
            if (!channel->idle)
                act(std::max(channel->wire->time_to_send(side_), kClearTime / 4), [this, channel] { write(channel); });
            return;
        }
        if (!channel->wire->write(side_, frame, options_.send_buffer)) {
            channel->blocked = std::move(frame);
            return;  // until the wire says that there is room
        }
        if (channel->leaving && !channel->goodbye) return finish(channel, {}, false);
    }
}

void End::beat(const ChannelRef& channel) {
    if (!channel->open) {
        if (channel->leaving) finish(channel, {}, false);
        return;
    }
    channel->silent = std::exchange(channel->heard, false) ? 0 : channel->silent + 1;
    if (channel->silent >= options_.timing.silent_heartbeats)
        return finish(channel, Error{ErrorCode::kChannelFailed, "nothing came from the peer", "", ""}, false);
    channel->urgent.push_back(
        make_frame(FrameType::kPing, 0, static_cast<std::uint64_t>(microseconds_of(world_.now()).count())));
    write_soon(channel);
    act(options_.timing.heartbeat, [this, channel] { beat(channel); });
}

void End::close(const ChannelRef& channel, const Error& reason, const std::optional<Goodbye>& goodbye) {
    if (!channel->open) return;
    if (!goodbye) return finish(channel, reason, false);
    channel->open = false;
    channel->leaving = true;
    channel->goodbye = make_frame(FrameType::kGoodbye, encode(*goodbye), pool_);
    write_soon(channel);
    on_closed(channel, reason, false);
}

void End::finish(const ChannelRef& channel, const Error& reason, bool session_ends) {
    const bool after_goodbye = std::exchange(channel->leaving, false);
    channel->wire->close(side_, !after_goodbye && world_.chance(0.5));
    if (std::exchange(channel->open, false)) on_closed(channel, reason, session_ends);
}

void End::on_closed(const ChannelRef& channel, const Error& reason, bool session_ends) {
    if (side_ == 0 && !stopping_) {
        const bool worked = world_.now() - channel->since > options_.timing.backoff_most;
        connect_again(*channel->path, worked ? options_.timing.backoff_least : options_.timing.backoff_most / 2);
    }
    world_.tell("side {}: channel {} ({}) is down: {}", side_, channel->id, channel->path->name, reason.what);
    if (channels_.erase(channel->id) == 0) return;
    link_.remove_channel(channel->id);
    if (!channels_.empty() && !session_ends) return;
    if (channels_.empty()) down_since_ = world_.now();
    if (!session_ends) return;
    session_.peer_ended();
    end_session(reason, false, false);
}

void End::channel_has_work(ChannelId id) {
    if (const auto found = channels_.find(id); found != channels_.end()) write_soon(found->second);
}

void End::link_has_work() {
    if (link_.has_express_work())
        if (const auto express = channels_.find(express_); express != channels_.end()) write_soon(express->second);
    const ChannelRef* quickest = nullptr;
    for (const auto& [id, channel] : channels_) {
        if (!channel->idle || link_.is_late(id)) continue;
        if (quickest == nullptr || channel->round_trip < (*quickest)->round_trip) quickest = &channel;
    }
    if (quickest != nullptr) write_soon(*quickest);
}

void End::choose_express() {
    std::vector<ExpressChoice::Candidate> candidates;
    for (const auto& [id, channel] : channels_)
        candidates.push_back(
            {id, std::chrono::duration_cast<std::chrono::microseconds>(channel->least_round_trip), link_.is_late(id)});
    express_ = express_choice_.choose(candidates, world_.now());
    link_.set_express(express_);
}

// --- session and time (PeerLink) ---

void End::stream_requested(StreamId stream, const std::string& service) {
    programs_.requested(side_, stream, service);
}

void End::end_session(const Error& reason, bool renew, bool tell_peer) {
    world_.tell("side {}: session {} ends: {}", side_, epoch_, reason.what);
    const auto channels = std::exchange(channels_, {});
    for (const auto& [id, channel] : channels) link_.remove_channel(id);
    for (const auto& [id, channel] : channels)
        close(channel, reason, tell_peer ? std::optional(Goodbye{true, reason}) : std::nullopt);
    if (renew) session_.renew(world_.random() | 1);
    down_since_.reset();
    ++epoch_;
    link_.restart(reason);
}

void End::begin_ticking() {
    if (!ticking_ && link_.needs_ticks() && !std::exchange(tick_due_, true)) keep_time(Duration(0));
}

/// PeerLink::maintain: only the latest pause counts.
void End::keep_time(Duration pause) {
    act(pause, [this, turn = ++maintenance_] {
        if (turn != maintenance_) return;
        tick_due_ = false;
        link_.tick(world_.now());
        if (down_since_ && world_.now() - *down_since_ >= options_.timing.link_timeout)
            end_session(Error{ErrorCode::kLinkDown, "no channel", "", ""}, true, false);
        choose_express();
        ticking_ = link_.needs_ticks();
        keep_time(ticking_ ? Duration(LogicalLink::kTick) : Duration(options_.timing.heartbeat));
    });
}

}  // namespace ssi::isfc::sim
