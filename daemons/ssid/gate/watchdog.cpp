#include "daemons/ssid/gate/watchdog.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
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

constexpr auto kAnswerTime = 1s;  ///< Where an answer is waited for: at the start, and for disarming.
/// Fed four times within W at least: with so many unheard, it must be taken for dead before it would bite.
constexpr int kUnanswered = 3;

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
        if (auto begun = begin_to_arm(); !begun) return begun;
        wait_for_answer();
        if (auto heard = hear(); !heard) return heard;
        if (!is_armed_) return failed("arm", socket_, ETIMEDOUT);
        return {};
    }

    Result<void> feed() override {
        auto fed = fd_ < 0 ? failed("reach", socket_, ENOTCONN) : hear();
        if (fed && unanswered_ >= kUnanswered) fed = failed("hear", socket_, ETIMEDOUT);
        if (fed) fed = send("feed\n");
        if (fed && !is_armed_) return failed("arm", socket_, EINPROGRESS);
        // A supervisor that was restarted knows nothing of us: it is armed anew, and answers by the next time.
        if (!fed) {
            if (auto begun = begin_to_arm(); !begun) return begun;
        }
        return fed;
    }
    Result<void> disarm() override {
        if (auto sent = send("disarm\n"); !sent) return sent;
        wait_for_answer();
        return hear();
    }
    [[nodiscard]] std::chrono::milliseconds timeout() const override { return timeout_; }
    [[nodiscard]] WatchdogConfig kind() const override { return kind_; }

  private:
    /// Never waits, not even for a supervisor that takes no more connections.
    Result<void> begin_to_arm() {
        close();
        fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (fd_ < 0 || socket_.size() >= sizeof address.sun_path)
            return failed("reach", socket_, fd_ < 0 ? errno : ENAMETOOLONG);
        socket_.copy(address.sun_path, socket_.size());
        if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            const auto error = errno;
            close();
            return failed("reach", socket_, error);
        }
        return send(std::format("arm {}\n", std::chrono::duration<double>(timeout_).count()));
    }
    Result<void> send(const std::string& line) {
        if (::send(fd_, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL) != static_cast<ssize_t>(line.size()))
            return failed("feed", socket_, errno);
        ++unanswered_;
        return {};
    }
    /// What was answered so far; nothing yet is fine.
    Result<void> hear() {
        std::array<char, 512> answer{};
        const auto size = ::recv(fd_, answer.data(), answer.size(), MSG_DONTWAIT);
        if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {};
        if (size <= 0) return failed("hear", socket_, size == 0 ? ECONNRESET : errno);
        const std::string_view text(answer.data(), static_cast<std::size_t>(size));
        if (text.contains("error")) return failed("feed", socket_, EPROTO);
        is_armed_ = true;  // what is asked first on a connection
        unanswered_ -= static_cast<int>(std::ranges::count(text, '\n'));
        return {};
    }
    void wait_for_answer() const {
        pollfd readable{fd_, POLLIN, 0};
        ::poll(&readable, 1, static_cast<int>(std::chrono::milliseconds(kAnswerTime).count()));
    }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
        is_armed_ = false;
        unanswered_ = 0;
    }

    std::string socket_;
    WatchdogConfig kind_;
    std::chrono::milliseconds timeout_;
    int fd_ = -1;
    bool is_armed_ = false;  ///< On this connection.
    int unanswered_ = 0;     ///< Lines that were sent on it.
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
