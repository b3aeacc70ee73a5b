#include "daemons/ssid/gate/qemu_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <format>
#include <fstream>
#include <string>

namespace ssi::gate {
namespace {

using Descriptor = QemuProcess::Descriptor;

#ifndef SO_PEERPIDFD
constexpr int SO_PEERPIDFD = 77;  // Linux 6.5
#endif

Descriptor own(const boost::asio::any_io_executor& executor, int fd) {
    return {executor, fd};
}

/// Field 22 of /proc/PID/stat; the name in field 2 may hold anything, so it is counted from its last parenthesis.
Result<std::uint64_t> start_time_of(std::int64_t pid) {
    const auto path = std::format("/proc/{}/stat", pid);
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return system_failure("cannot read", path, errno);
    std::array<char, 2048> buffer{};
    const auto size = ::read(fd, buffer.data(), buffer.size());
    const int error = errno;
    ::close(fd);
    if (size < 0) return system_failure("cannot read", path, error);

    const std::string_view text(buffer.data(), static_cast<std::size_t>(size));
    auto at = text.rfind(')');
    for (int field = 2; field < 22 && at != std::string_view::npos; ++field) at = text.find(' ', at + 1);
    std::uint64_t ticks = 0;
    if (at == std::string_view::npos ||
        std::from_chars(text.data() + at + 1, text.data() + text.size(), ticks).ec != std::errc{})
        return failure(ErrorCode::kSystemFailed, std::format("{} has no start time", path), path);
    return ticks;
}

int open_pidfd(std::int64_t pid) {
    return static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0));
}

/// A pidfd of the process that connected. The older kernels' way can catch a later process of the same pid, when the
/// one that connected has ended; then its socket is closed.
Result<int> open_pidfd_of_peer(int socket, pid_t pid) {
    int pidfd = -1;
    socklen_t size = sizeof pidfd;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0) return pidfd;
    pidfd = open_pidfd(pid);
    if (pidfd < 0) return system_failure("cannot hold the process", std::format("pid {}", pid), errno);
    pollfd state{socket, POLLRDHUP, 0};
    if (::poll(&state, 1, 0) == 0) return pidfd;
    ::close(pidfd);
    return system_failure("the process went away", std::format("pid {}", pid), ESRCH);
}

}  // namespace

bool awaits_migration(pid_t pid) {
    std::ifstream arguments(std::format("/proc/{}/cmdline", pid));
    std::string argument;
    while (std::getline(arguments, argument, '\0'))
        if (argument == "-incoming") return true;
    return false;
}

Result<QemuProcess> QemuProcess::at_socket(const boost::asio::any_io_executor& executor, int socket, pid_t pid) {
    const auto pidfd = open_pidfd_of_peer(socket, pid);
    if (!pidfd) return std::unexpected(pidfd.error());
    auto descriptor = own(executor, *pidfd);
    const auto start_time = start_time_of(pid);
    if (!start_time) return std::unexpected(start_time.error());
    QemuProcess process(std::move(descriptor), {pid, *start_time});
    // Only now is it sure that the start time is that of the process held.
    if (process.is_gone()) return system_failure("the process went away", std::format("pid {}", pid), ESRCH);
    return process;
}

Result<std::optional<QemuProcess>> QemuProcess::find(const boost::asio::any_io_executor& executor,
                                                     const ProcessId& id) {
    const int pidfd = open_pidfd(id.pid);
    if (pidfd < 0 && errno == ESRCH) return std::nullopt;
    if (pidfd < 0) return system_failure("cannot hold the process", std::format("pid {}", id.pid), errno);
    QemuProcess process(own(executor, pidfd), id);
    const auto start_time = start_time_of(id.pid);
    if (process.is_gone()) return std::nullopt;
    if (!start_time) return std::unexpected(start_time.error());
    if (*start_time != id.start_time) return std::nullopt;
    return process;
}

QemuProcess QemuProcess::adopt(const boost::asio::any_io_executor& executor, int pidfd, const ProcessId& id) {
    return {own(executor, pidfd), id};
}

bool QemuProcess::is_gone() {
    pollfd state{descriptor_.native_handle(), POLLIN, 0};
    return ::poll(&state, 1, 0) > 0;
}

Result<void> QemuProcess::kill() {
    if (::syscall(SYS_pidfd_send_signal, descriptor_.native_handle(), SIGKILL, nullptr, 0) == 0 || errno == ESRCH)
        return {};
    return system_failure("cannot kill the QEMU", std::format("pid {}", id_.pid), errno);
}

}  // namespace ssi::gate
