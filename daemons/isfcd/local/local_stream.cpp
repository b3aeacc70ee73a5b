#include "daemons/isfcd/local/local_stream.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <cstring>
#include <format>
#include <utility>

namespace ssi::isfc {
namespace asio = boost::asio;
using Protocol = asio::local::stream_protocol;
namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr auto kRetryConnect = std::chrono::milliseconds(10);

bool would_block(int error_number) {
    return error_number == EAGAIN || error_number == EWOULDBLOCK || error_number == EINTR;
}

}  // namespace

LocalStream::LocalStream(Socket socket, LogicalLink& link, std::span<std::byte> scratch)
    : socket_(std::move(socket)),
      link_(link),
      scratch_(scratch),
      readable_(socket_.get_executor()),
      writable_(socket_.get_executor()) {}

void LocalStream::start(StreamId id, Ended ended) {
    id_ = id;
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
    drop_read_bytes(byte_held_ ? 1 : 0);
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

/// Bytes that were peeked at are in the socket's queue, so that reading them does not wait.
void LocalStream::drop_read_bytes(std::size_t count) {
    std::array<std::byte, 16 * 1024> dropped;
    while (count > 0) {
        const auto done =
            ::recv(socket_.native_handle(), dropped.data(), std::min(count, dropped.size()), MSG_DONTWAIT);
        if (done <= 0) return;
        count -= static_cast<std::size_t>(done);
    }
}

/// Looks at new bytes without taking them; shortens `bytes` to them, which is empty at the end of file. Returns an
/// errno value, or 0.
asio::awaitable<int> LocalStream::peek(std::span<std::byte>& bytes) {
    const auto most = std::min(link_.room(id_), scratch_.size());
    const auto count = ::recv(socket_.native_handle(), scratch_.data(), most, MSG_PEEK | MSG_DONTWAIT);
    if (count >= 0) {
        bytes = scratch_.first(static_cast<std::size_t>(count));
        co_return 0;
    }
    if (!would_block(errno)) co_return errno;
    // Not async_wait: the byte that is held would end it at once. A receive waits for the next event of the socket.
    const auto [error, size] =
        co_await socket_.async_receive(asio::buffer(first_bytes_.data(), std::min(most, first_bytes_.size())),
                                       asio::socket_base::message_peek, kTuple);
    bytes = std::span(first_bytes_).first(size);
    if (error && error != asio::error::eof) co_return error.value();
    co_return 0;
}

asio::awaitable<void> LocalStream::from_program() {
    // Peeking then goes on where it stopped, beyond the byte that is held. Linux has it since 3.4; without it (user
    // emulation) every byte would be read again and again, so that no stream is the only safe answer (R7).
    const int from_first = 0;
    if (::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_PEEK_OFF, &from_first, sizeof from_first) != 0) {
        fail(errno, "SO_PEEK_OFF");
        co_return;
    }
    while (!ended_) {
        if (link_.room(id_) == 0) {
            co_await writable_.wait();
            continue;
        }
        std::span<std::byte> bytes;
        const auto error = co_await peek(bytes);
        if (ended_) co_return;
        if (error != 0) {
            fail(error, "read");
            co_return;
        }
        if (bytes.empty()) {
            link_.finish(id_);
            co_return;
        }
        link_.write(id_, bytes);
        drop_read_bytes(std::exchange(byte_held_, true) ? bytes.size() : bytes.size() - 1);
        co_await asio::post(socket_.get_executor(), asio::use_awaitable);
    }
}

asio::awaitable<void> LocalStream::to_program() {
    while (!ended_) {
        const auto bytes = link_.readable(id_);
        if (bytes.empty() && link_.at_end(id_)) {
            ::shutdown(socket_.native_handle(), SHUT_WR);
            link_.end_delivered(id_);
            co_return;
        }
        if (bytes.empty()) {
            co_await readable_.wait();
            continue;
        }
        const auto count = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count >= 0) {
            link_.consume(id_, static_cast<std::size_t>(count));
            co_await asio::post(socket_.get_executor(), asio::use_awaitable);
        } else if (would_block(errno)) {
            co_await socket_.async_wait(asio::socket_base::wait_write, kTuple);
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
        if (!would_block(errno) || Signal::Time::clock::now() >= deadline) co_return failed(errno);
        asio::steady_timer pause(executor, kRetryConnect);  // no event tells when the queue has room
        co_await pause.async_wait(kTuple);
    }
}

}  // namespace ssi::isfc
