#pragma once
/// Takes the connections that come in at a UNIX socket, and starts what serves each.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>

#include "daemons/ssid/gate/unix_socket.hpp"

namespace ssi::gate {

/// With this object listening ends; what serves a connection goes on. On the acceptor's executor.
class Listener {
  public:
    /// Serves one connection to its end; the peer is trusted.
    using Serve = std::function<boost::asio::awaitable<void>(UnixSocket socket, Peer peer)>;

    /// At `path`, as listen_at. Error: kSystemFailed.
    [[nodiscard]] static Result<Listener> at(const boost::asio::any_io_executor& executor,
                                             const std::filesystem::path& path);
    explicit Listener(UnixAcceptor acceptor);
    ~Listener();
    Listener(Listener&&) = default;
    Listener& operator=(Listener&&) = delete;

    /// Until this object or the io_context ends. Who is not trusted is closed, and who comes while `limit` connections
    /// are served. Without descriptors connections wait until there are some.
    boost::asio::awaitable<void> run(Serve serve, std::size_t limit = std::numeric_limits<std::size_t>::max());

    [[nodiscard]] boost::asio::any_io_executor executor() const;

  private:
    /// Outlives the object with the coroutines that wait on it.
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace ssi::gate
