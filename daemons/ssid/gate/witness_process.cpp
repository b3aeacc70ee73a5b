#include "daemons/ssid/gate/witness_process.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <format>
#include <fstream>
#include <utility>

namespace ssi::gate {
namespace {

/// A line of /proc/PID/cgroup is "0::/system.slice/ssi-witness.service"; a prefix or a suffix of a name is no match.
bool belongs_to(const std::filesystem::path& cgroup, const std::string& unit) {
    std::ifstream file(cgroup);
    for (std::string line; std::getline(file, line);)
        if (line.ends_with("/" + unit)) return true;
    return false;
}

std::optional<pid_t> number_in(const std::filesystem::path& file) {
    std::ifstream stream(file);
    std::string text;
    std::getline(stream, text);
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
    if (error != std::errc{} || end != text.data() + text.size() || pid <= 1) return std::nullopt;
    return pid;
}

}  // namespace

std::optional<WitnessProcess> WitnessProcess::find(const Places& places) {
    const auto pid = number_in(places.pid);
    if (!pid) return std::nullopt;
    // Held first and looked at then: if the number is another's by now, what is held is gone, and no signal can go
    // astray.
    const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0));
    if (pidfd < 0) return std::nullopt;
    WitnessProcess process(*pid, pidfd);
    if (process.is_gone() || !belongs_to(places.processes / std::to_string(*pid) / "cgroup", places.unit))
        return std::nullopt;
    return process;
}

WitnessProcess::WitnessProcess(WitnessProcess&& other) noexcept
    : pid_(other.pid_), pidfd_(std::exchange(other.pidfd_, -1)) {}

WitnessProcess& WitnessProcess::operator=(WitnessProcess&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(pidfd_, other.pidfd_);
    return *this;
}

WitnessProcess::~WitnessProcess() {
    if (pidfd_ >= 0) ::close(pidfd_);
}

bool WitnessProcess::is_gone() const {
    pollfd state{pidfd_, POLLIN, 0};
    return ::poll(&state, 1, 0) > 0;
}

Result<void> WitnessProcess::kill() {
    if (::syscall(SYS_pidfd_send_signal, pidfd_, SIGKILL, nullptr, 0) == 0 || errno == ESRCH) return {};
    return system_failure("cannot kill the witness", std::format("pid {}", pid_), errno);
}

}  // namespace ssi::gate
