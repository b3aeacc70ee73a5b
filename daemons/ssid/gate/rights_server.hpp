#pragma once
/// The guard's socket for ssid (docs/architecture.md, "The guard's socket"): requests in, answers and events out, one
/// JSON object a line.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <utility>

#include "daemons/ssid/gate/guard.hpp"
#include "daemons/ssid/gate/listener.hpp"

namespace ssi::gate {

class RightsClient;

/// Several clients at a time; each hears all events. One that does not read what it is sent is closed. On the guard's
/// io_context; takes the guard's on_event.
class RightsServer {
  public:
    RightsServer(Guard& guard, UnixAcceptor acceptor);

    /// Every client hears of a pass over the PDR.
    void tell(const cluster::PdrPass& pass);
    /// ssid has said what this member's slot is to say; none: that ssid is away.
    std::function<void(const std::optional<cluster::SlotFacts>&)> on_described;
    /// ssid has shown its sign of life in the engine; the time before it was submitted.
    std::function<void(BootTime)> on_renewed;

    /// Takes connections until the io_context ends.
    boost::asio::awaitable<void> run();

  private:
    boost::asio::awaitable<void> serve(std::shared_ptr<RightsClient> client);
    boost::asio::awaitable<void> answer(std::shared_ptr<RightsClient> client, std::string line);
    boost::asio::awaitable<Result<json::Object>> perform(std::shared_ptr<RightsClient> client, json::Object request);
    Result<json::Object> renew(const json::Object& request);
    Result<json::Object> describe(const std::shared_ptr<RightsClient>& client, const json::Object& request);

    Guard& guard_;
    Listener listener_;
    std::list<std::shared_ptr<RightsClient>> clients_;
    std::weak_ptr<RightsClient> describer_;  ///< The client that described the slot last.
};

}  // namespace ssi::gate
