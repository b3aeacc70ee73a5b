#include "daemons/ssid/peers/request_client.hpp"

#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <format>
#include <tuple>
#include <utility>

#include "daemons/ssid/gate/unix_socket.hpp"
#include "lib/common/no_throw.hpp"

namespace ssi::cluster {
namespace {

namespace asio = boost::asio;

}  // namespace

asio::awaitable<Result<json::Object>> RequestClient::ask(MemberName member, std::string request, json::Object content,
                                                         std::chrono::milliseconds timeout) {
    const auto path = links_ / member.str() / kRequestService;
    const auto unreached = [&](const boost::system::error_code& error) {
        return failure(ErrorCode::kLinkDown,
                       std::format("ssid of {} does not answer '{}': {}", member.str(), request, error.message()),
                       member.str(), "ssictl islink list; systemctl status ssid on that member");
    };
    const auto until = std::chrono::steady_clock::now() + timeout;
    gate::UnixSocket socket(executor_);
    const gate::Deadline deadline(socket, timeout);
    auto [error] = co_await socket.async_connect(asio::local::stream_protocol::endpoint(path.string()), kNoThrow);
    if (error) co_return unreached(error);
    const auto message = encode(PeerRequest{request, own_, std::move(content)});
    std::tie(error, std::ignore) = co_await asio::async_write(socket, asio::buffer(message), kNoThrow);
    std::string line;
    if (!error)
        std::tie(error, std::ignore) =
            co_await asio::async_read_until(socket, asio::dynamic_buffer(line, kRequestLimit), '\n', kNoThrow);
    if (!error) co_return decode_answer(line, member);
    if (std::chrono::steady_clock::now() < until) co_return unreached(error);
    co_return failure(ErrorCode::kTimedOut,
                      std::format("ssid of {} did not answer '{}' within {}", member.str(), request, timeout),
                      member.str(), "systemctl status ssid on that member");
}

}  // namespace ssi::cluster
