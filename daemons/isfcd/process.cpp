#include "daemons/isfcd/process.hpp"

#include <sched.h>
#include <systemd/sd-daemon.h>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <format>

#include "lib/common/log.hpp"
#include "lib/common/no_throw.hpp"

namespace ssi::isfc {
namespace asio = boost::asio;
namespace {

constexpr std::chrono::nanoseconds kSlice = std::chrono::microseconds(100);  // the shortest there is

}  // namespace

Result<void> ask_for_short_slices() {
    sched_attr attributes{};
    if (::sched_getattr(0, &attributes, sizeof attributes, 0) == 0) {
        attributes.sched_runtime = kSlice.count();
        if (::sched_setattr(0, &attributes, 0) == 0) return {};
    }
    return failure(ErrorCode::kSystemFailed, std::format("sched_setattr: {}", std::strerror(errno)));
}

asio::awaitable<void> feed_watchdog() {
    std::uint64_t interval_us = 0;
    if (sd_watchdog_enabled(0, &interval_us) <= 0) co_return;
    asio::steady_timer timer(co_await asio::this_coro::executor);
    for (;;) {
        sd_notify(0, "WATCHDOG=1");
        timer.expires_after(std::chrono::microseconds(interval_us / 3));
        co_await timer.async_wait(kNoThrow);
    }
}

asio::awaitable<void> reload_on_hangup(std::shared_ptr<IsfcControl> control) {
    asio::signal_set hangup(co_await asio::this_coro::executor, SIGHUP);
    for (;;) {
        const auto [error, number] = co_await hangup.async_wait(kNoThrow);
        if (error) co_return;
        const auto reloaded = control->reload();
        if (!reloaded) log::error("reload refused, nothing was changed", reloaded.error());
        sd_notify(0, reloaded ? "STATUS=" : std::format("STATUS=reload refused: {}", reloaded.error().text()).c_str());
    }
}

}  // namespace ssi::isfc
