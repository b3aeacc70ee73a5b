#include "daemons/ssid/gate/unix_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace ssi::gate {

Result<Peer> peer_of(int socket) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
        return system_failure("cannot tell who connected", "SO_PEERCRED", errno);
    return Peer{credentials.pid, credentials.uid};
}

bool is_trusted(const Peer& peer) {
    return peer.uid == 0 || peer.uid == ::geteuid();
}

Result<UnixAcceptor> listen_at(const boost::asio::any_io_executor& executor, const std::filesystem::path& path) {
    constexpr mode_t kOwnerOnly = 0177;
    std::error_code not_there;
    std::filesystem::remove(path, not_there);
    UnixAcceptor acceptor(executor);
    boost::system::error_code error;
    acceptor.open(boost::asio::local::stream_protocol(), error);
    // Not chmod after bind: between the two anyone could connect.
    const auto mask = ::umask(kOwnerOnly);
    if (!error) acceptor.bind(boost::asio::local::stream_protocol::endpoint(path.string()), error);
    ::umask(mask);
    if (!error) acceptor.listen(boost::asio::socket_base::max_listen_connections, error);
    if (error) return system_failure("cannot listen", path.string(), error.value());
    return acceptor;
}

Deadline::Deadline(UnixSocket& socket, std::chrono::milliseconds time) : timer_(socket.get_executor(), time) {
    timer_.async_wait([&socket, armed = armed_](const boost::system::error_code& cancelled) {
        boost::system::error_code ignored;  // closing is all that can be done
        if (!cancelled && *armed) socket.shutdown(UnixSocket::shutdown_both, ignored);
    });
}

}  // namespace ssi::gate
