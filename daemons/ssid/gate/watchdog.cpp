#include "daemons/ssid/gate/watchdog.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <format>
#include <string_view>
#include <utility>

#include "daemons/ssid/gate/kernel_watchdog.hpp"

namespace ssi::gate {
namespace {

using namespace std::chrono_literals;

constexpr auto kArmTime = 1s;  ///< Once, at the start.

std::unexpected<Error> failed(std::string_view what, const std::string& socket, int error) {
    return failure(ErrorCode::kSystemFailed,
                   std::format("cannot {} the watchdog at {}: {}", what, socket, std::strerror(error)), socket,
                   "is the supervisor of this host running, and watchdog_device right?");
}

class SupervisorWatchdog final : public Watchdog {
  public:
    SupervisorWatchdog(std::string socket, WatchdogConfig kind, std::chrono::milliseconds timeout)
        : socket_(std::move(socket)), kind_(kind), timeout_(timeout) {}
    ~SupervisorWatchdog() override { close(); }
    SupervisorWatchdog(const SupervisorWatchdog&) = delete;
    SupervisorWatchdog& operator=(const SupervisorWatchdog&) = delete;

    /// Connects and arms; waits for the answer.
    Result<void> arm() {
        close();
        fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (fd_ < 0 || socket_.size() >= sizeof address.sun_path)
            return failed("reach", socket_, fd_ < 0 ? errno : ENAMETOOLONG);
        socket_.copy(address.sun_path, socket_.size());
        if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            return failed("reach", socket_, errno);
        const double seconds = std::chrono::duration<double>(timeout_).count();
        if (auto sent = send(std::format("arm {}\n", seconds)); !sent) return sent;
        pollfd readable{fd_, POLLIN, 0};
        if (::poll(&readable, 1, static_cast<int>(std::chrono::milliseconds(kArmTime).count())) != 1)
            return failed("arm", socket_, ETIMEDOUT);
        return hear();
    }

    Result<void> feed() override {
        auto fed = fd_ < 0 ? failed("reach", socket_, ENOTCONN) : send("feed\n");
        if (fed) fed = hear();
        // A supervisor that was restarted knows nothing of us.
        return fed ? fed : arm();
    }
    Result<void> disarm() override {
        if (auto sent = send("disarm\n"); !sent) return sent;
        pollfd readable{fd_, POLLIN, 0};
        ::poll(&readable, 1, static_cast<int>(std::chrono::milliseconds(kArmTime).count()));
        return hear();
    }
    [[nodiscard]] std::chrono::milliseconds timeout() const override { return timeout_; }
    [[nodiscard]] WatchdogConfig kind() const override { return kind_; }

  private:
    Result<void> send(const std::string& line) {
        if (::send(fd_, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL) != static_cast<ssize_t>(line.size()))
            return failed("feed", socket_, errno);
        return {};
    }
    /// What was answered so far; nothing yet is fine.
    Result<void> hear() {
        std::array<char, 512> answer{};
        const auto size = ::recv(fd_, answer.data(), answer.size(), MSG_DONTWAIT);
        if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {};
        if (size <= 0) return failed("hear", socket_, size == 0 ? ECONNRESET : errno);
        if (std::string_view(answer.data(), static_cast<std::size_t>(size)).contains("error"))
            return failed("feed", socket_, EPROTO);
        return {};
    }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }

    std::string socket_;
    WatchdogConfig kind_;
    std::chrono::milliseconds timeout_;
    int fd_ = -1;
};

}  // namespace

Result<std::unique_ptr<Watchdog>> arm_watchdog(const std::filesystem::path& device, WatchdogConfig kind,
                                               std::chrono::milliseconds timeout, std::optional<int> kept) {
    struct stat found{};
    if (::stat(device.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode))
        return arm_kernel_watchdog(device, kind, timeout, kept);
    auto watchdog = std::make_unique<SupervisorWatchdog>(device.native(), kind, timeout);
    if (auto armed = watchdog->arm(); !armed) return std::unexpected(armed.error());
    return watchdog;
}

}  // namespace ssi::gate
