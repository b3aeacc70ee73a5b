#include "lib/common/systemd_units.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <format>
#include <map>
#include <set>
#include <utility>

#include "lib/common/log.hpp"
#include "lib/common/no_throw.hpp"

namespace ssi {
namespace {

namespace asio = boost::asio;
using SteadyClock = std::chrono::steady_clock;

Bus::Target manager() {
    return {"org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"};
}

constexpr auto kNoSuchUnit = "org.freedesktop.systemd1.NoSuchUnit";

}  // namespace

/// Jobs that ended while somebody was waiting for one: the signal may come before the answer that names the job.
struct SystemdUnits::Jobs {
    std::map<std::string, std::string> results;  ///< By object path.
    std::set<asio::steady_timer*> waiting;

    void ended(const std::vector<std::string>& arguments) {  // id, job, unit, result
        if (arguments.size() < 4 || waiting.empty()) return;
        results[arguments[1]] = arguments[3];
        for (auto* timer : waiting) timer->cancel();
    }
};

SystemdUnits::SystemdUnits(Bus& bus) : bus_(bus), jobs_(std::make_shared<Jobs>()) {
    auto subscribed = bus_.on_signal(
        manager(), "JobRemoved", [jobs = jobs_](const std::vector<std::string>& arguments) { jobs->ended(arguments); });
    // Without the signal each call below fails by its time-out.
    if (!subscribed) log::error("systemd's jobs cannot be followed", subscribed.error());
}

asio::awaitable<Result<void>> SystemdUnits::run_job(std::string method, std::string unit, std::string mode,
                                                    std::chrono::milliseconds timeout) {
    const auto jobs = jobs_;
    asio::steady_timer deadline(co_await asio::this_coro::executor, timeout);
    struct Waiting {
        Jobs& jobs;
        asio::steady_timer* timer;
        ~Waiting() {
            jobs.waiting.erase(timer);
            if (jobs.waiting.empty()) jobs.results.clear();
        }
    } const waiting{*jobs, &deadline};
    jobs->waiting.insert(&deadline);

    std::vector<std::string> arguments;
    arguments.push_back(unit);
    arguments.push_back(std::move(mode));
    const auto job = co_await bus_.call(manager(), method, std::move(arguments), timeout);
    if (!job) co_return std::unexpected(job.error());
    while (!jobs->results.contains(*job)) {
        if (SteadyClock::now() >= deadline.expiry())
            co_return failure(ErrorCode::kTimedOut,
                              std::format("{} of {} did not end within {}", method, unit, timeout), unit,
                              std::format("journalctl -u {}", unit));
        co_await deadline.async_wait(kNoThrow);
        if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
            co_return failure(ErrorCode::kTimedOut, std::format("the wait for {} of {} was cancelled", method, unit),
                              unit);
    }
    const auto& result = jobs->results[*job];
    if (result == "done") co_return Result<void>{};
    co_return failure(ErrorCode::kSystemFailed, std::format("{} of {} ended: {}", method, unit, result), unit,
                      std::format("journalctl -u {}", unit));
}

asio::awaitable<Result<void>> SystemdUnits::start(std::string unit, std::chrono::milliseconds timeout) {
    return run_job("StartUnit", std::move(unit), "replace", timeout);
}

asio::awaitable<Result<void>> SystemdUnits::stop(std::string unit, std::chrono::milliseconds timeout) {
    // While the host shuts down, systemd has queued its stop behind ours, and we wait for it here.
    auto stopped = co_await run_job("StopUnit", std::move(unit), "ignore-dependencies", timeout);
    if (!stopped && stopped.error().object == kNoSuchUnit) co_return Result<void>{};
    co_return stopped;
}

}  // namespace ssi
