#pragma once
/// UNIX stream sockets as the gate uses them: bounded in time, and knowing who is at the other end.

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <memory>

#include "lib/common/error.hpp"

namespace ssi::gate {

using UnixSocket = boost::asio::local::stream_protocol::socket;
using UnixAcceptor = boost::asio::local::stream_protocol::acceptor;

/// The process that connected, as the kernel noted it then. pid 0: not of our PID namespace.
struct Peer {
    pid_t pid = 0;
    uid_t uid = 0;
};

/// Error: kSystemFailed.
[[nodiscard]] Result<Peer> peer_of(int socket);

/// Root, or whoever runs this process: nobody else opens doors.
[[nodiscard]] bool is_trusted(const Peer& peer);

/// Listens at `path` with mode 0600; what was there before is replaced. Error: kSystemFailed.
[[nodiscard]] Result<UnixAcceptor> listen_at(const boost::asio::any_io_executor& executor,
                                             const std::filesystem::path& path);

/// While it lives, a socket has this long; then everything awaited on it ends with operation_aborted or end of file.
class Deadline {
  public:
    Deadline(UnixSocket& socket, std::chrono::milliseconds time);
    ~Deadline() { *armed_ = false; }
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;

  private:
    boost::asio::steady_timer timer_;
    /// A timer that has fired already can still be in the queue when this object goes.
    std::shared_ptr<bool> armed_ = std::make_shared<bool>(true);
};

}  // namespace ssi::gate
