#include "daemons/ssid/gate/lock_server.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <optional>

#include "daemons/ssid/gate/lock_session.hpp"
#include "daemons/ssid/gate/spawn.hpp"
#include "lib/common/log.hpp"
#include "lib/common/no_throw.hpp"

namespace ssi::gate {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::size_t kOneShotLimit = 512;
constexpr auto kMessageTime = 5s;   ///< From the first byte of a message to the last of its answer.
constexpr auto kSilenceTime = 30s;  ///< Between the calls of a connection that is no QEMU's life connection.

/// The next message; none when the connection ended, was too slow, or sent what cannot be a message.
asio::awaitable<std::optional<Bytes>> read_message(UnixSocket& socket, bool is_life) {
    Bytes message(kLockLengthBytes);
    {
        std::optional<Deadline> silence;
        if (!is_life) silence.emplace(socket, kSilenceTime);
        const auto [error] = co_await socket.async_wait(UnixSocket::wait_read, kNoThrow);
        if (error) co_return std::nullopt;
    }
    const Deadline deadline(socket, kMessageTime);
    if (const auto [error, size] = co_await asio::async_read(socket, asio::buffer(message), kNoThrow); error)
        co_return std::nullopt;
    const auto length = decode_lock_length(std::span(message).first<kLockLengthBytes>());
    if (!length) {
        log::warning("closing a connection of the lock door", length.error());
        co_return std::nullopt;
    }
    message.resize(*length);
    const auto rest = asio::buffer(message) + kLockLengthBytes;
    if (const auto [error, size] = co_await asio::async_read(socket, rest, kNoThrow); error) co_return std::nullopt;
    co_return message;
}

/// Answers until the connection ends, or until it has become one for life.
asio::awaitable<void> serve_calls(UnixSocket& socket, LockSession& session, bool is_life) {
    while (session.life().has_value() == is_life) {
        const auto message = co_await read_message(socket, is_life);
        if (!message) co_return;
        const auto reply = session.answer(*message);
        if (!reply) {
            log::warning("closing a connection of the lock door", reply.error());
            co_return;
        }
        const Deadline deadline(socket, kMessageTime);
        if (const auto [error, size] = co_await asio::async_write(socket, asio::buffer(*reply), kNoThrow); error)
            co_return;
    }
}

}  // namespace

asio::awaitable<void> LockServer::run() {
    return listener_.run([this](UnixSocket socket, Peer peer) { return serve(std::move(socket), peer); });
}

asio::awaitable<void> LockServer::serve(UnixSocket socket, Peer peer) {
    if (one_shots_ >= kOneShotLimit) {
        log::error("too many connections at the lock door, one is refused");
        co_return;
    }
    LockSession session(guard_, peer, socket.native_handle());
    ++one_shots_;
    co_await serve_calls(socket, session, false);
    --one_shots_;
    if (!session.life()) co_return;
    co_await serve_calls(socket, session, true);
    guard_.life_closed(*session.life());
}

void LockServer::resume(const RunId& run, int descriptor) {
    UnixSocket socket(listener_.executor());
    boost::system::error_code error;
    socket.assign(boost::asio::local::stream_protocol(), descriptor, error);
    if (error) {
        log::error("resuming a life connection", system_failure("assign", run.str(), error.value()).error());
        return;
    }
    spawn(listener_.executor(), resume_life(std::move(socket), run));
}

asio::awaitable<void> LockServer::resume_life(UnixSocket socket, RunId run) {
    auto session = LockSession::of_life(guard_, run);
    co_await serve_calls(socket, session, true);
    guard_.life_closed(run);
}

}  // namespace ssi::gate
