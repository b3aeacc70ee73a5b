#pragma once
/// A simulated world: time that passes only when nothing is left to do, chance from one seed, and members that freeze,
/// lose power and lose sight of each other. Everything runs on one io_context; the same seed gives the same run.

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <random>

#include "lib/common/clock.hpp"

namespace ssi::sim {

using Duration = std::chrono::milliseconds;

class World {
  public:
    explicit World(std::uint64_t seed) : random_(seed) {}

    [[nodiscard]] boost::asio::any_io_executor executor() { return context_.get_executor(); }
    [[nodiscard]] BootTime now() const { return now_; }

    /// 0 .. below-1.
    int number(int below) { return static_cast<int>(random_() % static_cast<std::uint64_t>(below)); }
    bool chance(double probability) { return static_cast<double>(random_() >> 11) * 0x1.0p-53 < probability; }
    Duration between(Duration least, Duration most) {
        return least + Duration(number(static_cast<int>((most - least).count()) + 1));
    }

    void after(Duration delay, std::function<void()> act) { events_.emplace(now_ + delay, std::move(act)); }

    /// Lets everything happen up to a time; `check` is called after each event.
    void run_until(BootTime end, const std::function<void()>& check) {
        drain(check);
        while (!events_.empty() && events_.begin()->first <= end) {
            auto event = events_.extract(events_.begin());
            now_ = std::max(now_, event.key());
            event.mapped()();
            drain(check);
        }
        now_ = std::max(now_, end);
    }

  private:
    void drain(const std::function<void()>& check) {
        context_.restart();
        while (context_.poll_one() > 0) check();
    }

    boost::asio::io_context context_{1};
    std::multimap<BootTime, std::function<void()>> events_;
    BootTime now_{};
    std::mt19937_64 random_;
};

/// One machine's ability to act. What it waits for is held back while it is frozen and lost when it dies: its
/// coroutines then never go on.
class Machine {
  public:
    explicit Machine(World& world) : world_(world) {}

    [[nodiscard]] bool is_frozen() const { return frozen_; }
    void freeze() { frozen_ = true; }
    void thaw() {
        frozen_ = false;
        for (auto& act : std::exchange(held_back_, {})) world_.after(Duration(0), std::move(act));
    }
    /// Held back until the thaw.
    void when_thawed(std::function<void()> act) {
        if (frozen_) {
            held_back_.push_back(std::move(act));
        } else {
            act();
        }
    }
    void forget() { held_back_.clear(); }

  private:
    World& world_;
    bool frozen_ = false;
    std::vector<std::function<void()>> held_back_;
};

/// One run of ssid on a machine.
class Process final : public Clock {
  public:
    Process(World& world, Machine& machine) : world_(world), machine_(machine) {}

    [[nodiscard]] BootTime now() const override { return world_.now(); }
    boost::asio::awaitable<void> sleep(Duration duration) override {
        auto timer = std::make_shared<boost::asio::steady_timer>(world_.executor(),
                                                                 boost::asio::steady_timer::time_point::max());
        world_.after(duration, [this, weak = std::weak_ptr(timer)] {
            if (dead_) return;
            machine_.when_thawed([this, weak] {
                if (auto waiting = weak.lock(); waiting && !dead_) waiting->cancel();
            });
        });
        co_await timer->async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
    /// A call to the outside takes time, and never returns to a process that has died.
    boost::asio::awaitable<void> travel() {
        co_await sleep(world_.between(Duration(0), Duration(8)));
        if (dead_) co_await never();
    }
    boost::asio::awaitable<void> never() {
        boost::asio::steady_timer timer(world_.executor(), boost::asio::steady_timer::time_point::max());
        while (true) co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
    void kill() { dead_ = true; }
    [[nodiscard]] bool is_dead() const { return dead_; }
    [[nodiscard]] World& world() { return world_; }

  private:
    World& world_;
    Machine& machine_;
    bool dead_ = false;
};

}  // namespace ssi::sim
