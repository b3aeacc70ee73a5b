#include "daemons/isfcd/local/local_stream.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <cstring>
#include <format>
#include <utility>

#include "lib/common/no_throw.hpp"

namespace ssi::isfc {
namespace asio = boost::asio;
using Protocol = asio::local::stream_protocol;
namespace {

constexpr auto kRetryConnect = std::chrono::milliseconds(10);
constexpr int kLocalBuffer = 512 * 1024;

bool is_to_wait(int error_number) {
    return error_number == EAGAIN || error_number == EWOULDBLOCK || error_number == EINTR;
}

/// MSG_PEEK looks at the first unread byte next, and goes on from there with each call.
bool peek_from_first(int socket) {
    const int first = 0;
    return ::setsockopt(socket, SOL_SOCKET, SO_PEEK_OFF, &first, sizeof first) == 0;
}

}  // namespace

LocalStream::LocalStream(Socket socket, LogicalLink& link, std::shared_ptr<Turns> turns)
    : socket_(std::move(socket)),
      link_(link),
      turns_(std::move(turns)),
      readable_(socket_.get_executor()),
      writable_(socket_.get_executor()) {
    // As much as the system gives without asking: a program that reads slowly is woken less often.
    (void)::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_SNDBUF, &kLocalBuffer, sizeof kLocalBuffer);
}

void LocalStream::start(StreamId id, Ended ended) {
    id_ = id;
    goes_first_ = link_.class_of(id) == StreamClass::kControl;
    on_ended_ = std::move(ended);
    const auto executor = socket_.get_executor();
    asio::co_spawn(executor, [self = shared_from_this()] { return self->from_program(); }, asio::detached);
    asio::co_spawn(executor, [self = shared_from_this()] { return self->to_program(); }, asio::detached);
}

void LocalStream::shut() {
    ended_ = true;
    boost::system::error_code ignored;
    socket_.close(ignored);
    readable_.notify();
    writable_.notify();
}

void LocalStream::on_closed() {
    if (ended_) return;
    std::byte held{};
    if (byte_held_) (void)::recv(socket_.native_handle(), &held, 1, MSG_DONTWAIT);  // it is in the socket's queue
    shut();
}

void LocalStream::on_failed() {
    if (!ended_) shut();
}

void LocalStream::fail(int error_number, std::string_view what) {
    if (ended_) return;
    shut();
    link_.reset(
        id_, Error{ErrorCode::kSystemFailed,
                   std::format("the program at the other end is gone: {}: {}", what, strerror(error_number)), "", ""});
    on_ended_();
}

/// Takes new bytes, all but the last, which it only looks at. Returns their number, 0 when there are none now, or
/// -errno.
int LocalStream::take_bytes() {
    const int socket = socket_.native_handle();
    int queued = 0;
    if (::ioctl(socket, SIOCINQ, &queued) != 0) return -errno;
    const auto fresh = static_cast<std::size_t>(queued) - (byte_held_ ? 1 : 0);
    if (fresh == 0 || fresh > static_cast<std::size_t>(queued)) return 0;

    std::byte held{};
    std::array<iovec, kMostSpans + 1> parts{iovec{&held, byte_held_ ? 1u : 0u}};
    std::size_t count = 1;
    std::size_t total = 0;
    for (const auto space : link_.space(id_, std::min(fresh, link_.room(id_)))) {
        parts[count++] = {space.data(), space.size()};
        total += space.size();
    }
    auto* last = static_cast<std::byte*>(parts[count - 1].iov_base) + --parts[count - 1].iov_len;
    const auto taken_size = parts[0].iov_len + total - 1;
    if (taken_size > 0) {
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = count;
        const auto taken = ::recvmsg(socket, &message, MSG_DONTWAIT);
        if (taken <= 0) return taken == 0 || is_to_wait(errno) ? 0 : -errno;
        if (static_cast<std::size_t>(taken) < taken_size) {  // the rest is unread, and stands for the last byte
            const auto fresh_taken = static_cast<std::size_t>(taken) - parts[0].iov_len;
            byte_held_ = false;
            link_.commit(id_, fresh_taken);
            return static_cast<int>(fresh_taken);
        }
    }
    if (!peek_from_first(socket)) return -errno;
    if (::recv(socket, last, 1, MSG_PEEK | MSG_DONTWAIT) != 1) return -EIO;
    byte_held_ = true;
    link_.commit(id_, total);
    return static_cast<int>(total);
}

asio::awaitable<void> LocalStream::take_turn() {
    co_await turns_->take(goes_first_);
}

asio::awaitable<void> LocalStream::from_program() {
    // Without SO_PEEK_OFF (user emulation) nobody could wait for what lies behind the byte that is held.
    if (!peek_from_first(socket_.native_handle())) {
        fail(errno, "SO_PEEK_OFF");
        co_return;
    }
    std::byte next{};
    while (!ended_) {
        if (link_.room(id_) == 0) {
            co_await writable_.wait();
            if (!goes_first_) co_await take_turn();
            continue;
        }
        const int taken = take_bytes();
        if (taken < 0) {
            fail(-taken, "read");
            co_return;
        }
        if (taken > 0) {
            co_await take_turn();
            continue;
        }
        // Not async_wait: the byte that is held would end it at once.
        const auto [error, size] =
            co_await socket_.async_receive(asio::buffer(&next, 1), asio::socket_base::message_peek, kNoThrow);
        if (ended_) co_return;
        if (error == asio::error::eof) {
            link_.finish(id_);
            co_return;
        }
        if (error) fail(error.value(), "read");
        if (!goes_first_) co_await take_turn();
    }
}

asio::awaitable<void> LocalStream::to_program() {
    while (!ended_) {
        std::array<iovec, kMostSpans> parts;
        std::size_t count = 0;
        for (const auto bytes : link_.readable(id_))
            parts[count++] = {const_cast<std::byte*>(bytes.data()), bytes.size()};
        if (count == 0 && link_.at_end(id_)) {
            ::shutdown(socket_.native_handle(), SHUT_WR);
            link_.end_delivered(id_);
            co_return;
        }
        if (count == 0) {
            co_await readable_.wait();
            if (!goes_first_) co_await take_turn();
            continue;
        }
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = count;
        const auto sent = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) {
            link_.consume(id_, static_cast<std::size_t>(sent));
            co_await take_turn();
        } else if (is_to_wait(errno)) {
            co_await socket_.async_wait(asio::socket_base::wait_write, kNoThrow);
            if (!goes_first_) co_await take_turn();
        } else {
            fail(errno, "write");
        }
    }
}

asio::awaitable<Result<LocalStream::Socket>> connect_local(std::filesystem::path path, Signal::Time deadline) {
    const auto executor = co_await asio::this_coro::executor;
    const auto failed = [&](int reason) {
        return failure(ErrorCode::kServiceUnknown, std::format("connect to {}: {}", path.string(), strerror(reason)),
                       path.string(), "start the program that offers the service");
    };
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.string().size() >= sizeof address.sun_path) co_return failed(ENAMETOOLONG);
    std::strcpy(address.sun_path, path.c_str());
    LocalStream::Socket socket(executor);
    boost::system::error_code error;
    socket.open(Protocol(), error);
    if (error) co_return failed(error.value());
    socket.native_non_blocking(true, error);
    for (;;) {
        // Not async_connect: it takes the EAGAIN of a full queue for a connection under way.
        if (::connect(socket.native_handle(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
            co_return socket;
        if (!is_to_wait(errno) || Signal::Time::clock::now() >= deadline) co_return failed(errno);
        asio::steady_timer pause(executor, kRetryConnect);  // no event tells when the queue has room
        co_await pause.async_wait(kNoThrow);
    }
}

}  // namespace ssi::isfc
