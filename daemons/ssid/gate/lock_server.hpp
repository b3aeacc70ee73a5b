#pragma once
/// libvirt's lock door: answers virtlockd's calls from the guard's memory.

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <utility>

#include "daemons/ssid/gate/guard.hpp"
#include "daemons/ssid/gate/listener.hpp"

namespace ssi::gate {

/// Serves every connection by itself: one that is slow, mute or sends rubbish is closed and disturbs no other. On the
/// guard's io_context.
class LockServer {
  public:
    LockServer(Guard& guard, UnixAcceptor acceptor) : guard_(guard), listener_(std::move(acceptor)) {}

    /// Takes connections until the io_context ends.
    boost::asio::awaitable<void> run();

    /// Goes on with a life connection of the last process; takes the descriptor over.
    void resume(const RunId& run, int descriptor);

  private:
    boost::asio::awaitable<void> serve(UnixSocket socket, Peer peer);
    boost::asio::awaitable<void> resume_life(UnixSocket socket, RunId run);

    Guard& guard_;
    Listener listener_;
    std::size_t one_shots_ = 0;  ///< Connections that no right bounds, as it does those for life.
};

}  // namespace ssi::gate
