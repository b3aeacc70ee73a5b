#pragma once
/// One HTTP/1.1 connection to etcd's JSON gateway over a UNIX socket: one request at a time, or one endless reply.

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <chrono>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ssi::cluster {

/// Replies and lines above this end their connection.
inline constexpr std::size_t kLargestReply = 64U << 20U;

struct GatewayReply {
    unsigned status = 0;  ///< HTTP status.
    std::string body;
};

/// Why there is no reply.
struct TransportFailure {
    bool nothing_sent = false;  ///< Not one byte of the request left this process: it certainly had no effect.
    bool cancelled = false;     ///< The caller's own cancellation, not the connection's fault.
    std::string reason;
};

template <class T>
using Transported = std::expected<T, TransportFailure>;

/// Used by one coroutine at a time, on the engine's io_context. All waits end at the given time-out or when the
/// coroutine is cancelled. After a failure that is no cancellation of next_line() the connection is of no more use.
class GatewayConnection {
  public:
    /// Failures always have nothing_sent.
    static boost::asio::awaitable<Transported<std::unique_ptr<GatewayConnection>>> open(
        boost::asio::any_io_executor executor, std::filesystem::path socket, std::chrono::milliseconds timeout);

    /// POST and its whole reply.
    boost::asio::awaitable<Transported<GatewayReply>> post(std::string_view target, std::string body,
                                                           std::chrono::milliseconds timeout);

    /// Whether another request can go over it: the peer keeps it open and has said nothing unasked.
    [[nodiscard]] bool is_reusable();

    /// POST whose reply has no end: its lines are read with next_line().
    boost::asio::awaitable<Transported<void>> begin_lines(std::string_view target, std::string body,
                                                          std::chrono::milliseconds timeout);

    /// The next line that is not empty. Fails when none is complete within `silence` of the last byte. A cancelled call
    /// may be repeated: nothing is lost.
    boost::asio::awaitable<Transported<std::string>> next_line(std::chrono::milliseconds silence);

  private:
    using Stream = boost::beast::basic_stream<boost::asio::local::stream_protocol>;
    using LineParser = boost::beast::http::response_parser<boost::beast::http::buffer_body>;

    explicit GatewayConnection(boost::asio::any_io_executor executor);
    boost::asio::awaitable<Transported<void>> send(std::string_view target, std::string body);
    std::optional<std::string> take_line();

    Stream stream_;
    boost::beast::flat_buffer buffer_{kLargestReply};
    bool keep_alive_ = true;
    std::optional<LineParser> lines_;
    std::array<char, 16384> chunk_{};
    std::string pending_;       ///< Bytes of the lines not yet taken.
    std::size_t searched_ = 0;  ///< No end of line among so many first bytes of pending_.
};

}  // namespace ssi::cluster
