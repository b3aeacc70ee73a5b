#pragma once
/// This member's end of the requests between ssids: a UNIX socket that isfcd offers to the others as "ssid-request".

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "daemons/ssid/gate/listener.hpp"
#include "daemons/ssid/peers/request_message.hpp"

namespace ssi::cluster {

/// Bounds its own time; its Error reaches who asked.
using RequestHandler = std::function<boost::asio::awaitable<Result<json::Object>>(PeerRequest request)>;

/// One request a connection, a bounded number at a time; who is slow, too long or no root is closed without an answer.
class RequestServer {
  public:
    /// Error: kSystemFailed when the socket cannot be made.
    [[nodiscard]] static Result<RequestServer> listen(boost::asio::any_io_executor executor,
                                                      const std::filesystem::path& socket);

    /// Before run(). A request without a handler is refused (kUsage).
    void on(const std::string& name, RequestHandler handler) { handlers_[name] = std::move(handler); }
    /// How long a whole request may take to come in. Default: 5 s.
    std::chrono::milliseconds read_time{5'000};

    /// Answers until the io_context ends. Must outlive it.
    boost::asio::awaitable<void> run();

  private:
    explicit RequestServer(gate::Listener listener) : listener_(std::move(listener)) {}
    boost::asio::awaitable<void> serve(gate::UnixSocket socket);
    boost::asio::awaitable<Result<json::Object>> answer(std::string line);

    gate::Listener listener_;
    std::map<std::string, RequestHandler> handlers_;
};

}  // namespace ssi::cluster
