#pragma once
/// One local program's connection and its stream on the link: bytes both ways, half-close, errors.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <filesystem>
#include <functional>
#include <memory>

#include "daemons/isfcd/channel/signal.hpp"
#include "daemons/isfcd/link/logical_link.hpp"
#include "daemons/isfcd/turns.hpp"

namespace ssi::isfc {

/// AF_UNIX has no way to send a reset, but the kernel makes one (ECONNRESET at the other end) when a socket is closed
/// with unread bytes in it (unix_release_sock in net/unix/af_unix.c). So the last byte that the local program wrote is
/// only peeked at, sent, and left unread until the stream has ended well: a stream that fails never looks like one that
/// ended (rule R7). A program that never wrote a byte cannot be told by this means: it gets an end of file.
///
/// One executor. Its coroutines hold it until the stream has ended.
class LocalStream : public std::enable_shared_from_this<LocalStream> {
  public:
    using Socket = boost::asio::local::stream_protocol::socket;
    /// The stream was ended from this side: the owner forgets it.
    using Ended = std::function<void()>;

    /// `link` must live until on_closed() or on_failed().
    LocalStream(Socket socket, LogicalLink& link, std::shared_ptr<Turns> turns);

    /// Begins to move bytes: the stream is open on the link.
    void start(StreamId id, Ended ended);
    void on_readable() { readable_.notify(); }
    void on_writable() { writable_.notify(); }
    /// Both directions ended well.
    void on_closed();
    /// The local program gets an error.
    void on_failed();

    [[nodiscard]] bool has_ended() const { return ended_; }

  private:
    boost::asio::awaitable<void> from_program();
    boost::asio::awaitable<void> to_program();
    boost::asio::awaitable<void> take_turn();
    int take_bytes();
    void fail(int error_number, std::string_view what);
    void shut();

    Socket socket_;
    LogicalLink& link_;  // not touched once ended_
    std::shared_ptr<Turns> turns_;
    StreamId id_ = 0;
    bool goes_first_ = false;
    Ended on_ended_;
    Signal readable_;
    Signal writable_;
    bool byte_held_ = false;  // the first byte in the socket's queue was sent already
    bool ended_ = false;
};

/// Connects to a UNIX socket; while its queue of connections is full it tries again until `deadline`. Error:
/// kServiceUnknown.
boost::asio::awaitable<Result<LocalStream::Socket>> connect_local(std::filesystem::path path, Signal::Time deadline);

}  // namespace ssi::isfc
