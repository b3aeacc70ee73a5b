#include "daemons/ssid/gate/kernel_watchdog.hpp"

#include <fcntl.h>
#include <linux/watchdog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <format>
#include <string_view>
#include <utility>

namespace ssi::gate {
namespace {

std::unexpected<Error> failed(std::string_view what, const std::filesystem::path& device, int error) {
    return failure(ErrorCode::kSystemFailed,
                   std::format("cannot {} the watchdog {}: {}", what, device.native(), std::strerror(error)),
                   device.native(),
                   "wdctl lists the watchdogs; another program may hold it (systemd: RuntimeWatchdogSec=)");
}

class KernelWatchdog final : public Watchdog {
  public:
    KernelWatchdog(std::filesystem::path device, int descriptor) : device_(std::move(device)), fd_(descriptor) {}
    /// Closing without the magic character leaves it armed.
    ~KernelWatchdog() override { ::close(fd_); }
    KernelWatchdog(const KernelWatchdog&) = delete;
    KernelWatchdog& operator=(const KernelWatchdog&) = delete;

    Result<void> set(WatchdogConfig kind, std::chrono::milliseconds timeout) {
        int seconds = static_cast<int>(std::chrono::ceil<std::chrono::seconds>(timeout).count());
        if (::ioctl(fd_, WDIOC_SETTIMEOUT, &seconds) != 0) return failed("set the time of", device_, errno);
        // What the device made of it is what the others have to wait for.
        if (::ioctl(fd_, WDIOC_GETTIMEOUT, &seconds) != 0) return failed("read the time of", device_, errno);
        timeout_ = std::chrono::seconds(seconds);
        watchdog_info info{};
        if (::ioctl(fd_, WDIOC_GETSUPPORT, &info) != 0) return failed("ask", device_, errno);
        const std::string_view identity(reinterpret_cast<const char*>(info.identity),
                                        ::strnlen(reinterpret_cast<const char*>(info.identity), sizeof info.identity));
        kind_ = kind == WatchdogConfig::kHardware && identity == "Software Watchdog" ? WatchdogConfig::kSoft : kind;
        return feed();
    }

    Result<void> feed() override {
        if (::ioctl(fd_, WDIOC_KEEPALIVE, 0) != 0) return failed("feed", device_, errno);
        return {};
    }
    Result<void> disarm() override {
        int options = WDIOS_DISABLECARD;
        const bool stopped = ::write(fd_, "V", 1) == 1;
        // Not all drivers have both ways; with nowayout none works, and the host is reset.
        if (::ioctl(fd_, WDIOC_SETOPTIONS, &options) != 0 && !stopped) return failed("stop", device_, errno);
        return {};
    }
    [[nodiscard]] std::chrono::milliseconds timeout() const override { return timeout_; }
    [[nodiscard]] WatchdogConfig kind() const override { return kind_; }
    [[nodiscard]] int descriptor() const override { return fd_; }

  private:
    std::filesystem::path device_;
    int fd_;
    std::chrono::milliseconds timeout_{0};
    WatchdogConfig kind_ = WatchdogConfig::kNone;
};

}  // namespace

Result<std::unique_ptr<Watchdog>> arm_kernel_watchdog(const std::filesystem::path& device, WatchdogConfig kind,
                                                      std::chrono::milliseconds timeout, std::optional<int> kept) {
    const int descriptor = kept ? *kept : ::open(device.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) return failed("open", device, errno);
    auto watchdog = std::make_unique<KernelWatchdog>(device, descriptor);
    if (auto set = watchdog->set(kind, timeout); !set) return std::unexpected(set.error());
    return watchdog;
}

}  // namespace ssi::gate
