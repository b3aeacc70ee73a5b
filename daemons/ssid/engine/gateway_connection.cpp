#include "daemons/ssid/engine/gateway_connection.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <cerrno>
#include <format>
#include <utility>

#include "lib/common/no_throw.hpp"

namespace ssi::cluster {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

std::unexpected<TransportFailure> transport_failure(bool nothing_sent, const boost::system::error_code& error) {
    return std::unexpected(TransportFailure{nothing_sent, error == asio::error::operation_aborted,
                                            error == beast::error::timeout ? "no answer in time" : error.message()});
}

}  // namespace

GatewayConnection::GatewayConnection(asio::any_io_executor executor) : stream_(std::move(executor)) {}

asio::awaitable<Transported<std::unique_ptr<GatewayConnection>>> GatewayConnection::open(
    asio::any_io_executor executor, std::filesystem::path socket, std::chrono::milliseconds timeout) {
    if (socket.native().size() >= sizeof(sockaddr_un::sun_path))
        co_return std::unexpected(TransportFailure{true, false, "the path of the socket is too long"});
    std::unique_ptr<GatewayConnection> connection(new GatewayConnection(std::move(executor)));
    connection->stream_.expires_after(timeout);
    const auto [error] =
        co_await connection->stream_.async_connect(asio::local::stream_protocol::endpoint(socket.native()), kNoThrow);
    if (error) co_return transport_failure(true, error);
    co_return connection;
}

asio::awaitable<Transported<void>> GatewayConnection::send(std::string_view target, std::string body) {
    http::request<http::string_body> request(http::verb::post, {target.data(), target.size()}, 11);
    request.set(http::field::host, "etcd");
    request.set(http::field::content_type, "application/json");
    // Becomes gRPC metadata: an etcd that has lost its leader says so at once, and before it has done anything, instead
    // of waiting for one; and it ends watches that would silently show the past.
    request.set("Grpc-Metadata-hasleader", "true");
    request.body() = std::move(body);
    request.prepare_payload();
    const auto [error, sent] = co_await http::async_write(stream_, request, kNoThrow);
    if (error) co_return transport_failure(sent == 0, error);
    co_return Transported<void>{};
}

asio::awaitable<Transported<GatewayReply>> GatewayConnection::post(std::string_view target, std::string body,
                                                                   std::chrono::milliseconds timeout) {
    stream_.expires_after(timeout);
    keep_alive_ = false;  // until this exchange has ended well
    if (auto sent = co_await send(target, std::move(body)); !sent) co_return std::unexpected(sent.error());
    http::response_parser<http::string_body> parser;
    parser.body_limit(kLargestReply);
    const auto [error, size] = co_await http::async_read(stream_, buffer_, parser, kNoThrow);
    if (error) co_return transport_failure(false, error);
    stream_.expires_never();
    auto response = parser.release();
    keep_alive_ = response.keep_alive();
    co_return GatewayReply{response.result_int(), std::move(response.body())};
}

bool GatewayConnection::is_reusable() {
    if (!keep_alive_ || buffer_.size() != 0) return false;
    char byte = 0;
    // An idle HTTP connection has nothing to read: bytes or an end both mean that its peer has given it up.
    return ::recv(stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
}

asio::awaitable<Transported<void>> GatewayConnection::begin_lines(std::string_view target, std::string body,
                                                                  std::chrono::milliseconds timeout) {
    stream_.expires_after(timeout);
    keep_alive_ = false;
    if (auto sent = co_await send(target, std::move(body)); !sent) co_return std::unexpected(sent.error());
    lines_.emplace();
    lines_->body_limit(boost::none);
    const auto [error, size] = co_await http::async_read_header(stream_, buffer_, *lines_, kNoThrow);
    if (error) co_return transport_failure(false, error);
    co_return Transported<void>{};
}

std::optional<std::string> GatewayConnection::take_line() {
    for (;;) {
        const auto end = pending_.find('\n', searched_);
        if (end == std::string::npos) {
            searched_ = pending_.size();
            return std::nullopt;
        }
        auto line = pending_.substr(0, end);
        pending_.erase(0, end + 1);
        searched_ = 0;
        if (!line.empty()) return line;
    }
}

asio::awaitable<Transported<std::string>> GatewayConnection::next_line(std::chrono::milliseconds silence) {
    for (;;) {
        if (auto line = take_line()) co_return std::move(*line);
        if (lines_->is_done()) {
            // An error in place of the stream need not end its only line.
            if (!pending_.empty()) co_return std::exchange(pending_, {});
            co_return std::unexpected(TransportFailure{false, false, "etcd ended the stream"});
        }
        if (pending_.size() > kLargestReply)
            co_return std::unexpected(TransportFailure{false, false, "a line is too long"});
        auto& body = lines_->get().body();
        body.data = chunk_.data();
        body.size = chunk_.size();
        stream_.expires_after(silence);
        const auto [error, size] = co_await http::async_read_some(stream_, buffer_, *lines_, kNoThrow);
        pending_.append(chunk_.data(), chunk_.size() - body.size);
        if (error && error != http::error::need_buffer) co_return transport_failure(false, error);
    }
}

}  // namespace ssi::cluster
