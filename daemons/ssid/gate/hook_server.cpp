#include "daemons/ssid/gate/hook_server.hpp"

#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/serialize.hpp>
#include <string>
#include <utility>

#include "lib/common/json_message.hpp"
#include "lib/common/log.hpp"
#include "lib/common/no_throw.hpp"

namespace ssi::cluster {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::size_t kConnectionLimit = 256;
constexpr std::size_t kRequestLimit = 10 << 20;  ///< 4 MiB of XML, with JSON's escapes.
constexpr auto kReadTime = 2s;
constexpr auto kWriteTime = 1s;

Result<HookRequest> read_request(std::string_view line) {
    const auto object = json::parse(line, "the hook", kRequestLimit);
    if (!object) return std::unexpected(object.error());
    auto guest = json::text(*object, "guest").and_then(GuestName::parse);
    if (!guest) return std::unexpected(guest.error());
    auto operation = json::text(*object, "operation");
    if (!operation) return std::unexpected(operation.error());
    auto xml = json::text(*object, "xml");
    if (!xml) return std::unexpected(xml.error());
    return HookRequest{std::move(*guest), std::move(*operation), json::text_or(*object, "suboperation", "-"),
                       std::move(*xml)};
}

json::Object answer_of(const Result<void>& decision) {
    if (decision) return {{"v", 1}, {"allowed", true}};
    return {{"v", 1}, {"allowed", false}, {"message", decision.error().text()}};
}

}  // namespace

Result<HookServer> HookServer::listen(asio::any_io_executor executor, const std::filesystem::path& socket,
                                      HookHandler handler) {
    return gate::Listener::at(executor, socket).transform([&](gate::Listener listener) {
        return HookServer(std::move(listener), std::move(handler));
    });
}

asio::awaitable<void> HookServer::run() {
    return listener_.run([this](gate::UnixSocket socket, gate::Peer) { return serve(std::move(socket)); },
                         kConnectionLimit);
}

asio::awaitable<void> HookServer::serve(gate::UnixSocket socket) {
    std::string line;
    boost::system::error_code broken;
    {
        const gate::Deadline deadline(socket, kReadTime);
        std::tie(broken, std::ignore) =
            co_await asio::async_read_until(socket, asio::dynamic_buffer(line, kRequestLimit), '\n', kNoThrow);
    }
    if (!broken) {
        auto request = read_request(line);
        Result<void> decision;
        if (request)
            decision = co_await handler_(std::move(*request));
        else
            decision = std::unexpected(request.error());
        const auto reply = boost::json::serialize(answer_of(decision)) + '\n';
        const gate::Deadline deadline(socket, kWriteTime);
        std::tie(broken, std::ignore) = co_await asio::async_write(socket, asio::buffer(reply), kNoThrow);
    }
    if (broken)
        log::warning("a hook was not answered", system_failure("hook.sock", "ssi-hook", broken.value()).error());
}

}  // namespace ssi::cluster
