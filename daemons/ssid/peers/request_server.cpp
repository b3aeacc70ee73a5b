#include "daemons/ssid/peers/request_server.hpp"

#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <format>
#include <tuple>
#include <utility>

#include "lib/common/log.hpp"
#include "lib/common/no_throw.hpp"

namespace ssi::cluster {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::size_t kConnectionLimit = 64;
constexpr auto kWriteTime = 5s;

}  // namespace

Result<RequestServer> RequestServer::listen(asio::any_io_executor executor, const std::filesystem::path& socket) {
    return gate::Listener::at(executor, socket).transform([](gate::Listener listener) {
        return RequestServer(std::move(listener));
    });
}

asio::awaitable<void> RequestServer::run() {
    return listener_.run([this](gate::UnixSocket socket, gate::Peer) { return serve(std::move(socket)); },
                         kConnectionLimit);
}

asio::awaitable<Result<json::Object>> RequestServer::answer(std::string line) {
    auto request = decode_request(line);
    if (!request) co_return std::unexpected(request.error());
    const auto handler = handlers_.find(request->name);
    if (handler == handlers_.end())
        co_return failure(ErrorCode::kUsage, std::format("this ssid knows no request '{}'", request->name),
                          request->name, "upgrade the older of the two members");
    co_return co_await handler->second(*std::move(request));
}

asio::awaitable<void> RequestServer::serve(gate::UnixSocket socket) {
    std::string line;
    boost::system::error_code broken;
    {
        const gate::Deadline deadline(socket, read_time);
        std::tie(broken, std::ignore) =
            co_await asio::async_read_until(socket, asio::dynamic_buffer(line, kRequestLimit), '\n', kNoThrow);
    }
    if (!broken) {
        const auto reply = encode_answer(co_await answer(std::move(line)));
        const gate::Deadline deadline(socket, kWriteTime);
        std::tie(broken, std::ignore) = co_await asio::async_write(socket, asio::buffer(reply), kNoThrow);
    }
    if (broken)
        log::warning("a member's request was not answered",
                     system_failure("request.sock", "ssid-request", broken.value()).error());
}

}  // namespace ssi::cluster
