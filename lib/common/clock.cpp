#include "lib/common/clock.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ctime>

#include "lib/common/no_throw.hpp"
#include "lib/common/notifier.hpp"

namespace ssi {

using namespace boost::asio::experimental::awaitable_operators;

BootTime BootClock::now() const {
    timespec time{};
    ::clock_gettime(CLOCK_BOOTTIME, &time);
    return BootTime(
        std::chrono::milliseconds(static_cast<std::int64_t>(time.tv_sec) * 1000 + time.tv_nsec / 1'000'000));
}

boost::asio::awaitable<void> BootClock::sleep(std::chrono::milliseconds duration) {
    boost::asio::steady_timer timer(executor_, duration);
    co_await timer.async_wait(kNoThrow);
}

boost::asio::awaitable<void> Clock::wait_change(Notifier& notifier, std::uint64_t seen,
                                                std::chrono::milliseconds duration) {
    co_await (notifier.wait_after(seen) || sleep(duration));
}

}  // namespace ssi
