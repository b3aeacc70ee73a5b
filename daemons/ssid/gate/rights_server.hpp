#pragma once
/// The guard's socket for ssid (docs/architecture.md, "The guard's socket"): requests in, answers and events out, one
/// JSON object a line.

#include <boost/asio/awaitable.hpp>
#include <list>
#include <memory>
#include <utility>

#include "daemons/ssid/gate/guard.hpp"
#include "daemons/ssid/gate/unix_socket.hpp"

namespace ssi::gate {

class RightsClient;

/// Several clients at a time; each hears all events. One that does not read what it is sent is closed. On the guard's
/// io_context; takes the guard's on_event.
class RightsServer {
  public:
    RightsServer(Guard& guard, UnixAcceptor acceptor);

    /// Takes connections until the acceptor is closed.
    boost::asio::awaitable<void> run();

  private:
    boost::asio::awaitable<void> serve(std::shared_ptr<RightsClient> client);
    boost::asio::awaitable<void> answer(std::shared_ptr<RightsClient> client, std::string line);
    boost::asio::awaitable<Result<json::Object>> perform(json::Object request);

    Guard& guard_;
    UnixAcceptor acceptor_;
    std::list<std::shared_ptr<RightsClient>> clients_;
};

}  // namespace ssi::gate
