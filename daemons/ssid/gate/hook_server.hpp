#pragma once
/// ssid's end of the hook's socket (docs/architecture.md, "The hook's socket").

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <filesystem>

#include "daemons/ssid/gate/guard_link.hpp"
#include "daemons/ssid/gate/listener.hpp"

namespace ssi::cluster {

/// One request a connection, any number up to a limit at a time; a client that is slow, too long or no root is closed
/// without an answer, which the hook takes for a refusal. The handler bounds its own time.
class HookServer {
  public:
    /// Error: kSystemFailed when the socket cannot be made.
    [[nodiscard]] static Result<HookServer> listen(boost::asio::any_io_executor executor,
                                                   const std::filesystem::path& socket, HookHandler handler);

    /// Answers until the io_context ends.
    boost::asio::awaitable<void> run();

  private:
    HookServer(gate::Listener listener, HookHandler handler)
        : listener_(std::move(listener)), handler_(std::move(handler)) {}
    boost::asio::awaitable<void> serve(gate::UnixSocket socket);

    gate::Listener listener_;
    HookHandler handler_;
};

}  // namespace ssi::cluster
