#include "daemons/isfcd/channel/channel.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <format>
#include <utility>

#include "lib/common/no_throw.hpp"

namespace ssi::isfc {
namespace asio = boost::asio;
namespace {

constexpr unsigned kFramesInARow = 2;

std::uint64_t microseconds_of(Time time) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count());
}

}  // namespace

Channel::Channel(ChannelId id, std::string name, std::shared_ptr<Transport> transport, std::shared_ptr<BlockPool> pool,
                 std::shared_ptr<Turns> turns, std::optional<OutFrame> hello, const Timing& timing, ChannelOwner& owner)
    : id_(id),
      name_(std::move(name)),
      transport_(std::move(transport)),
      pool_(std::move(pool)),
      turns_(std::move(turns)),
      assembler_(*pool_),
      timing_(timing),
      owner_(owner),
      work_(transport_->socket().get_executor()),
      beat_timer_(transport_->socket().get_executor()) {
    if (hello) urgent_.push_back(std::move(*hello));
}

void Channel::start() {
    const auto spawn = [this](asio::awaitable<void> (Channel::*loop)()) {
        asio::co_spawn(
            transport_->socket().get_executor(), [self = shared_from_this(), loop] { return ((*self).*loop)(); },
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
    goodbye_ = make_frame(FrameType::kGoodbye, encode(*goodbye), *pool_);
    work_.notify();
    owner_.on_closed(id_, reason, false);
}

void Channel::finish(const Error& reason, bool session_ends) {
    leaving_ = false;
    transport_->close();
    work_.notify();
    beat_timer_.cancel();
    if (std::exchange(open_, false)) owner_.on_closed(id_, reason, session_ends);
}

bool Channel::goes_first() const {
    return open_ && owner_.goes_first(id_, Time::clock::now());
}

/// Before a loop begins to move bytes, and now and then while it does: it need not wait as long as the peer keeps up.
asio::awaitable<void> Channel::take_turn() {
    co_await turns_->take(goes_first());
}

// --- in ---

asio::awaitable<void> Channel::read_frames() {
    for (unsigned in_a_row = 0; open_;) {
        const auto count = transport_->try_read(assembler_.want());
        if (count && *count == 0) {
            const auto waited = co_await transport_->wait_readable();
            if (!open_) co_return;
            if (!waited) finish(waited.error(), false);
            if (!goes_first()) co_await take_turn();
            in_a_row = 0;
            continue;
        }
        const auto whole = count ? assembler_.filled(*count) : std::unexpected(count.error());
        if (!whole) {
            finish(whole.error(), false);
            co_return;
        }
        heard_ = true;
        counters_.received_bytes += *count;
        if (!*whole) continue;
        ++counters_.received_frames;
        handle(assembler_.take());
        if (++in_a_row % kFramesInARow == 0) co_await take_turn();
    }
}

void Channel::handle(InFrame frame) {
    const auto now = Time::clock::now();
    switch (frame.header.type) {
        case FrameType::kData:
        case FrameType::kAck:
        case FrameType::kArrived:
            owner_.on_frame(id_, std::move(frame), now);
            return;
        case FrameType::kPing:
            urgent_.push_back(make_frame(FrameType::kPong, 0, frame.header.offset));
            work_.notify();
            return;
        case FrameType::kPong:
            if (const auto time = microseconds_of(now); frame.header.offset <= time) {
                counters_.round_trip = std::chrono::microseconds(time - frame.header.offset);
                counters_.least_round_trip = std::min(counters_.least_round_trip, counters_.round_trip);
            }
            return;
        case FrameType::kGoodbye: {
            const auto goodbye = parse_goodbye(frame.body());
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

// --- out ---

bool Channel::next_frame(OutFrame& frame) {
    if (!urgent_.empty()) {
        frame = std::move(urgent_.front());
        urgent_.pop_front();
        return true;
    }
    if (open_) {
        const auto now = Time::clock::now();
        return owner_.pull_frame(id_, now, most_bulk(now), frame);
    }
    if (!goodbye_) return false;
    frame = *std::exchange(goodbye_, {});
    return true;
}

std::size_t Channel::most_bulk(Time now) {
    look_again_.reset();
    if (!owner_.keeps_clear(id_, now)) return BlockPool::kFull;
    const auto unacknowledged = unacknowledged_bytes(transport_->socket().native_handle());
    const auto most = budget_.clear_allowance(unacknowledged);
    if (most > 0) return most;
    look_again_ = now + budget_.time_to_clear(unacknowledged);
    was_full_ = true;
    return 0;
}

/// False: the channel is closed.
asio::awaitable<bool> Channel::write(OutFrame& frame) {
    for (;;) {
        const auto written = transport_->try_write(frame);
        if (!written) finish(written.error(), false);
        if (!open_ && !leaving_) co_return false;
        if (*written) break;
        was_full_ = true;
        fit_socket(Time::clock::now());
        const auto waited = co_await transport_->wait_writable();
        if (!goes_first()) co_await take_turn();
        if (!open_ && !leaving_) co_return false;
        if (!waited) {
            finish(waited.error(), false);
            co_return false;
        }
    }
    ++counters_.sent_frames;
    counters_.sent_bytes += frame.size();
    frame.payload = {};
    co_return true;
}

asio::awaitable<void> Channel::write_frames() {
    OutFrame frame;
    for (unsigned in_a_row = 0; open_ || leaving_;) {
        if (!next_frame(frame)) {
            idle_ = !look_again_;
            co_await work_.wait(look_again_.value_or(Time::max()));
            idle_ = false;
            if (!goes_first()) co_await take_turn();
            in_a_row = 0;
            continue;
        }
        if (!co_await write(frame)) co_return;
        if (leaving_ && !goodbye_) {
            finish({}, false);
            co_return;
        }
        if (++in_a_row % kFramesInARow != 0) continue;
        fit_socket(Time::clock::now());
        co_await take_turn();
    }
}

void Channel::fit_socket(Time now) {
    if (now - sampled_ < SocketBudget::kInterval) return;
    sampled_ = now;
    const auto socket = transport_->socket().native_handle();
    const auto sample = sample_socket(socket, now);
    const auto wanted = sample ? budget_.update(*sample, std::exchange(was_full_, false)) : std::nullopt;
    if (!wanted) return;
    // The kernel doubles the number for its own needs and lets a writer in again at two thirds of it.
    const int bytes = static_cast<int>(*wanted * 2 / 3);
    (void)::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);  // without it the link is less even
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
        urgent_.push_back(make_frame(FrameType::kPing, 0, microseconds_of(Time::clock::now())));
        work_.notify();
        beat_timer_.expires_after(timing_.heartbeat);
        co_await beat_timer_.async_wait(kNoThrow);
    }
    if (!leaving_) co_return;
    beat_timer_.expires_after(timing_.heartbeat);
    co_await beat_timer_.async_wait(kNoThrow);
    if (leaving_) finish({}, false);
}

}  // namespace ssi::isfc
