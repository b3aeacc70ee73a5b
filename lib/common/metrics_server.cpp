#include "lib/common/metrics_server.hpp"

#include <sys/stat.h>
#include <sys/un.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <cerrno>
#include <format>
#include <utility>

#include "lib/common/log.hpp"
#include "lib/common/no_throw.hpp"

namespace ssi {
namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::local::stream_protocol;
namespace {

constexpr std::size_t kMostConnections = 16;
constexpr std::uint32_t kLongestHeader = 8 * 1024;
constexpr auto kPause = std::chrono::seconds(1);  // after an accept() that failed, for lack of descriptors for example

using Request = http::request<http::empty_body>;
using Response = http::response<http::string_body>;

Response answer(const Request& request, const MetricsServer::Source& source) {
    Response response(http::status::ok, request.version());
    response.keep_alive(request.keep_alive());
    response.set(http::field::content_type, "text/plain; charset=utf-8");
    const bool reads = request.method() == http::verb::get || request.method() == http::verb::head;
    if (!reads) {
        response.result(http::status::method_not_allowed);
        response.set(http::field::allow, "GET, HEAD");
        response.body() = "only GET and HEAD\n";
    } else if (request.target() != "/metrics") {
        response.result(http::status::not_found);
        response.body() = "there is only /metrics\n";
    } else {
        response.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
        response.body() = source();
    }
    response.prepare_payload();
    if (request.method() == http::verb::head) response.body().clear();  // the length stays that of GET
    return response;
}

}  // namespace

struct MetricsServer::Connection {
    explicit Connection(stream_protocol::socket socket) : stream(std::move(socket)) {}
    boost::beast::basic_stream<stream_protocol, asio::any_io_executor> stream;
};

MetricsServer::MetricsServer(asio::any_io_executor executor, std::filesystem::path socket, Source source,
                             std::chrono::milliseconds patience)
    : executor_(executor),
      path_(std::move(socket)),
      source_(std::move(source)),
      patience_(patience),
      acceptor_(std::move(executor)) {}

Result<void> MetricsServer::start() {
    const auto fail = [this](int error) {
        return system_failure(std::format("listen at {}", path_.string()), path_.string(), error);
    };
    if (path_.native().size() >= sizeof(sockaddr_un::sun_path)) return fail(ENAMETOOLONG);
    std::error_code removed;
    std::filesystem::remove(path_, removed);
    const stream_protocol::endpoint here(path_.native());
    boost::system::error_code error;
    acceptor_.open(here.protocol(), error);
    if (!error) acceptor_.bind(here, error);
    if (!error && ::chmod(path_.c_str(), 0660) != 0) error.assign(errno, boost::system::system_category());
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return fail(error.value());
    asio::co_spawn(executor_, [self = shared_from_this()] { return self->accept(); }, asio::detached);
    return {};
}

void MetricsServer::stop() {
    if (!acceptor_.is_open()) return;
    boost::system::error_code ignored;  // closing: there is nothing left to fail
    acceptor_.close(ignored);
    for (const auto& connection : connections_) connection->stream.close();
    std::error_code removed;
    std::filesystem::remove(path_, removed);
}

asio::awaitable<void> MetricsServer::accept() {
    asio::steady_timer pause(executor_);
    while (acceptor_.is_open()) {
        auto [error, socket] = co_await acceptor_.async_accept(kNoThrow);
        if (!acceptor_.is_open()) co_return;
        if (error) {
            pause.expires_after(kPause);
            co_await pause.async_wait(kNoThrow);
            continue;
        }
        if (connections_.size() >= kMostConnections) continue;  // closes it
        asio::co_spawn(
            executor_,
            [self = shared_from_this(), connection = std::make_shared<Connection>(std::move(socket))] {
                return self->serve(connection);
            },
            asio::detached);
    }
}

asio::awaitable<void> MetricsServer::serve(std::shared_ptr<Connection> connection) {
    connections_.insert(connection);
    auto& stream = connection->stream;
    boost::beast::flat_buffer buffer;
    for (;;) {
        http::request_parser<http::empty_body> parser;
        parser.header_limit(kLongestHeader);
        stream.expires_after(patience_);
        const auto [unread, received] = co_await http::async_read(stream, buffer, parser, kNoThrow);
        if (unread) break;
        const auto response = answer(parser.get(), source_);
        stream.expires_after(patience_);
        const auto [unsent, sent] = co_await http::async_write(stream, response, kNoThrow);
        if (unsent || !response.keep_alive()) break;
    }
    stream.close();
    connections_.erase(connection);
}

}  // namespace ssi
