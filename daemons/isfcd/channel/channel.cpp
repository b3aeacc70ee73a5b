#include "daemons/isfcd/channel/channel.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <format>
#include <utility>

namespace ssi::isfc {
namespace asio = boost::asio;
namespace {

/// What is encoded ahead of the socket: enough to keep it busy, little enough that a heartbeat does not wait for it.
constexpr std::size_t kOutputTarget = 64 * 1024;

std::uint64_t now_us() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

}  // namespace

Channel::Channel(ChannelId id, std::string name, std::shared_ptr<TlsStream> stream, FrameReader reader,
                 Bytes first_frames, const Timing& timing, ChannelOwner& owner)
    : id_(id),
      name_(std::move(name)),
      stream_(std::move(stream)),
      reader_(std::move(reader)),
      timing_(timing),
      owner_(owner),
      work_(stream_->socket().get_executor()),
      beat_timer_(stream_->socket().get_executor()),
      urgent_(std::move(first_frames)) {}

void Channel::start() {
    const auto spawn = [this](asio::awaitable<void> (Channel::*loop)()) {
        asio::co_spawn(
            stream_->socket().get_executor(), [self = shared_from_this(), loop] { return ((*self).*loop)(); },
            asio::detached);
    };
    spawn(&Channel::read_frames);
    spawn(&Channel::write_frames);
    spawn(&Channel::beat);
}

void Channel::close(const Error& reason, const std::optional<Goodbye>& goodbye) {
    if (!open_) return;
    if (!goodbye) {
        finish(reason, false);
        return;
    }
    open_ = false;
    leaving_ = true;
    append_frame(goodbye_, FrameType::kGoodbye, 0, 0, encode(*goodbye));
    work_.notify();
    owner_.on_closed(id_, reason, false);
}

void Channel::finish(const Error& reason, bool session_ends) {
    leaving_ = false;
    stream_->close();
    work_.notify();
    beat_timer_.cancel();
    if (std::exchange(open_, false)) owner_.on_closed(id_, reason, session_ends);
}

/// The loops make progress without waiting as long as the peer keeps up: others must get their turn.
asio::awaitable<void> Channel::let_others_run() {
    co_await asio::post(stream_->socket().get_executor(), asio::use_awaitable);
}

asio::awaitable<void> Channel::read_frames() {
    for (;;) {
        for (;;) {
            auto frame = reader_.next();
            if (!open_) co_return;
            if (!frame) {
                close(frame.error(), Goodbye{false, frame.error()});
                co_return;
            }
            if (!*frame) break;
            handle(**frame);
            if (!open_) co_return;
        }
        co_await let_others_run();
        if (!open_) co_return;
        const auto count = co_await stream_->read_some(reader_.room());
        if (!open_) co_return;
        if (!count) {
            finish(count.error(), false);
            co_return;
        }
        heard_ = true;
        counters_.received_bytes += *count;
        reader_.filled(*count);
    }
}

void Channel::handle(const Frame& frame) {
    switch (frame.header.type) {
        case FrameType::kData:
        case FrameType::kAck:
            owner_.on_frame(id_, frame);
            return;
        case FrameType::kPing:
            append_frame(urgent_, FrameType::kPong, 0, frame.header.offset, {});
            work_.notify();
            return;
        case FrameType::kPong:
            if (const auto now = now_us(); frame.header.offset <= now)
                counters_.round_trip = std::chrono::microseconds(now - frame.header.offset);
            return;
        case FrameType::kGoodbye: {
            const auto goodbye = parse_goodbye(frame.payload);
            if (!goodbye) return finish(goodbye.error(), false);
            return finish(Error{goodbye->reason.code, std::format("the peer closed it: {}", goodbye->reason.what),
                                goodbye->reason.object, goodbye->reason.remedy},
                          goodbye->session_ends);
        }
        case FrameType::kHello:
            break;
    }
    finish(Error{ErrorCode::kProtocolViolated, "the peer sent HELLO twice", name_, ""}, false);
}

void Channel::fill() {
    std::swap(out_, urgent_);
    while (out_.size() < kOutputTarget && owner_.pull_frame(id_, out_)) {
    }
}

asio::awaitable<void> Channel::write_frames() {
    while (open_ || leaving_) {
        if (open_)
            fill();
        else
            out_ = std::exchange(goodbye_, {});
        if (out_.empty()) {
            co_await work_.wait();
            continue;
        }
        for (std::size_t sent = 0; sent < out_.size();) {
            const auto count = co_await stream_->write_some(ByteView(out_).subspan(sent));
            if (!open_ && !leaving_) co_return;
            if (!count) {
                finish(count.error(), false);
                co_return;
            }
            sent += *count;
            counters_.sent_bytes += *count;
        }
        out_.clear();
        if (leaving_ && goodbye_.empty()) finish({}, false);
        co_await let_others_run();
    }
}

/// Counts heartbeats, not time: when this process itself was held up, the late heartbeat counts once, and what arrived
/// meanwhile is read before the next.
asio::awaitable<void> Channel::beat() {
    int silent = 0;
    while (open_) {
        silent = std::exchange(heard_, false) ? 0 : silent + 1;
        if (silent >= timing_.silent_heartbeats) {
            finish(Error{ErrorCode::kChannelFailed, std::format("nothing came from the peer for {}", timing_.silence()),
                         name_, "check the cable, the switch and the peer"},
                   false);
            co_return;
        }
        append_frame(urgent_, FrameType::kPing, 0, now_us(), {});
        work_.notify();
        beat_timer_.expires_after(timing_.heartbeat);
        co_await beat_timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    if (!leaving_) co_return;
    beat_timer_.expires_after(timing_.heartbeat);
    co_await beat_timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (leaving_) finish({}, false);
}

}  // namespace ssi::isfc
