#include "daemons/ssid/engine/voter_status.hpp"

#include <string>
#include <utility>

#include "daemons/ssid/engine/gateway_connection.hpp"

namespace ssi::cluster {
namespace {

using boost::asio::awaitable;

awaitable<Result<std::string>> post(boost::asio::any_io_executor executor, std::filesystem::path socket,
                                    std::string_view target, std::chrono::milliseconds timeout,
                                    std::string body = "{}") {
    const auto not_serving = [&](std::string why) {
        return failure(ErrorCode::kNoMajority, std::move(why), socket.native());
    };
    auto connection = co_await GatewayConnection::open(std::move(executor), socket, timeout);
    if (!connection) co_return not_serving(std::move(connection.error().reason));
    auto reply = co_await (*connection)->post(target, std::move(body), timeout);
    if (!reply) co_return not_serving(std::move(reply.error().reason));
    if (reply->status != 200) co_return not_serving(gateway::read_refusal(reply->status, reply->body).message);
    co_return std::move(reply->body);
}

}  // namespace

awaitable<Result<gateway::ServerStatus>> ask_voter(boost::asio::any_io_executor executor, std::filesystem::path socket,
                                                   std::chrono::milliseconds timeout) {
    const auto body = co_await post(std::move(executor), std::move(socket), "/v3/maintenance/status", timeout);
    if (!body) co_return std::unexpected(body.error());
    co_return gateway::read_status(*body);
}

awaitable<Result<void>> hand_leadership_to(std::uint64_t voter, boost::asio::any_io_executor executor,
                                           std::filesystem::path socket, std::chrono::milliseconds timeout) {
    const auto done = co_await post(std::move(executor), std::move(socket), "/v3/maintenance/transfer-leadership",
                                    timeout, gateway::leadership_body(voter));
    if (!done) co_return std::unexpected(done.error());
    co_return Result<void>{};
}

awaitable<Result<void>> defragment(boost::asio::any_io_executor executor, std::filesystem::path socket,
                                   std::chrono::milliseconds timeout) {
    const auto body = co_await post(std::move(executor), std::move(socket), "/v3/maintenance/defragment", timeout);
    if (!body) co_return std::unexpected(body.error());
    co_return Result<void>{};
}

}  // namespace ssi::cluster
