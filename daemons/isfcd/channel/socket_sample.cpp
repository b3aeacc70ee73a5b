// Apart from the rest because the kernel's struct tcp_info, which knows more, and the C library's exclude each other.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "daemons/isfcd/channel/socket_budget.hpp"

namespace ssi::isfc {

std::optional<SocketSample> sample_socket(int socket, std::chrono::steady_clock::time_point now) {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
    return SocketSample{now, std::chrono::microseconds(info.tcpi_min_rtt), info.tcpi_bytes_acked};
}

}  // namespace ssi::isfc
