// Apart from the rest because the kernel's struct tcp_info, which knows more, and the C library's exclude each other.
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "daemons/isfcd/channel/socket_budget.hpp"

namespace ssi::isfc {

std::optional<SocketSample> sample_socket(int socket, std::chrono::steady_clock::time_point now) {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
    return SocketSample{now, std::chrono::microseconds(info.tcpi_min_rtt), info.tcpi_bytes_acked};
}

std::size_t unacknowledged_bytes(int socket) {
    int bytes = 0;
    return ::ioctl(socket, SIOCOUTQ, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
}

}  // namespace ssi::isfc
