#pragma once
/// A simulated world: time that passes only when nothing is left to do, chance from one seed, and members that freeze,
/// lose power and lose sight of each other. Everything runs on one io_context; the same seed gives the same run.

#include <algorithm>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <functional>
#include <random>
#include <utility>
#include <vector>

#include "lib/common/clock.hpp"
#include "lib/common/notifier.hpp"

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

    void after(Duration delay, std::function<void()> act) {
        events_.push_back({now_ + delay, ++last_event_, std::move(act)});
        std::ranges::push_heap(events_, &is_later);
    }

    /// Lets everything happen up to a time; `check` is called after each step.
    void run_until(BootTime end, const std::function<void()>& check);

    /// A coroutine that waits to be woken; one that never is lasts as long as the world. Small: a std::function that
    /// holds one and a pointer needs no allocation, and most events are such.
    struct Sleeper {
        std::uint32_t place;
        std::uint32_t number;
    };
    Sleeper lay_down(std::move_only_function<void()> sleeper);
    /// Goes on with it at once. One that is awake already: no effect.
    void wake(Sleeper sleeper);

  private:
    struct Event {
        BootTime at;
        std::uint64_t number;  ///< Of events at one time, the one that was asked for first.
        std::function<void()> act;
    };
    static bool is_later(const Event& one, const Event& other) {
        return one.at != other.at ? one.at > other.at : one.number > other.number;
    }
    struct Bed {
        std::uint32_t number = 0;
        std::move_only_function<void()> sleeper;
    };
    void drain(const std::function<void()>& check);

    /// One thread, and no lock is needed.
    boost::asio::io_context context_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
    std::vector<Event> events_;  ///< A heap, the next one first.
    std::uint64_t last_event_ = 0;
    std::vector<Bed> beds_;
    std::vector<std::uint32_t> empty_beds_;
    std::uint32_t last_sleeper_ = 0;
    BootTime now_{};
    std::mt19937_64 random_;
};

/// One machine's ability to act, and its clock. What it waits for is held back while it is frozen and lost when it
/// dies: its coroutines then never go on.
class Machine {
  public:
    explicit Machine(World& world) : world_(world) {}

    /// Its daemons start `uptime` after the kernel. The clock is fast by so many millionths (or slow) until the next
    /// boot.
    void power_on(Duration uptime, int millionths_fast) {
        booted_ = world_.now();
        uptime_ = uptime;
        millionths_fast_ = millionths_fast;
        frozen_ = false;
        thawed_ = {};
    }
    /// CLOCK_BOOTTIME: it goes on while the machine is frozen. Any two machines show different times.
    [[nodiscard]] BootTime now() const {
        const auto passed = (world_.now() - booted_).count();
        return BootTime(uptime_ + Duration(passed + passed * millionths_fast_ / kMillion));
    }
    /// How long a wait by its clock takes.
    [[nodiscard]] Duration takes(Duration wait) const {
        return Duration((wait.count() * kMillion + kMillion + millionths_fast_ - 1) / (kMillion + millionths_fast_));
    }
    [[nodiscard]] bool is_frozen() const { return frozen_; }
    void freeze() { frozen_ = true; }
    void thaw() {
        if (std::exchange(frozen_, false)) thawed_ = now();
        for (auto& act : std::exchange(held_back_, {})) world_.after(Duration(0), std::move(act));
    }
    /// The last time, by its clock: before that nothing was done.
    [[nodiscard]] BootTime thawed() const { return thawed_; }
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
    static constexpr std::int64_t kMillion = 1'000'000;

    World& world_;
    BootTime booted_{};
    Duration uptime_{0};
    int millionths_fast_ = 0;
    bool frozen_ = false;
    BootTime thawed_{};
    std::vector<std::function<void()>> held_back_;
};

/// One run of ssid on a machine.
class Process final : public Clock {
    /// Suspends the coroutine that awaits it; `arrange` is told whom to wake. The dead are not woken by time.
    template <class Arrange>
    auto suspended(Arrange arrange) {
        return boost::asio::async_initiate<const boost::asio::deferred_t, void()>(
            [this, arrange](auto handler) {
                auto slot = boost::asio::get_associated_cancellation_slot(handler);
                const auto sleeper = world_.lay_down(std::move(handler));
                if (slot.is_connected())
                    slot.assign([&world = world_, sleeper](boost::asio::cancellation_type) {
                        boost::asio::post(world.executor(), [&world, sleeper] { world.wake(sleeper); });
                    });
                arrange(sleeper);
            },
            boost::asio::deferred);
    }

  public:
    Process(World& world, Machine& machine) : world_(world), machine_(machine) {}

    [[nodiscard]] BootTime now() const override { return machine_.now(); }

    boost::asio::awaitable<void> sleep(Duration duration) override {
        co_await suspended([this, duration](World::Sleeper sleeper) { wake_after(machine_.takes(duration), sleeper); });
    }
    /// As that of Clock, but one suspension instead of two coroutines and a race between them.
    boost::asio::awaitable<void> wait_change(Notifier& notifier, std::uint64_t seen, Duration duration) override {
        if (notifier.count() != seen) co_return;
        Notifier::Ticket ticket{};
        co_await suspended([this, duration, &notifier, &ticket](World::Sleeper sleeper) {
            ticket = wake_at_change(notifier, sleeper);
            wake_after(machine_.takes(duration), sleeper);
        });
        if (notifier.count() == seen) notifier.forget(ticket);
    }
    /// However long it takes. No event of the world.
    boost::asio::awaitable<void> wait_change(Notifier& notifier) {
        co_await suspended([this, &notifier](World::Sleeper sleeper) { wake_at_change(notifier, sleeper); });
    }
    /// A call to the outside takes time, and never returns to a process that has died.
    boost::asio::awaitable<void> travel() {
        const auto duration = world_.between(Duration(0), Duration(8));
        co_await suspended([this, duration](World::Sleeper sleeper) { wake_after(duration, sleeper); });
        if (dead_) co_await never();
    }
    boost::asio::awaitable<void> never() {
        while (true) co_await suspended([](World::Sleeper) {});
    }
    void kill() { dead_ = true; }
    [[nodiscard]] bool is_dead() const { return dead_; }
    [[nodiscard]] World& world() { return world_; }

  private:
    Notifier::Ticket wake_at_change(Notifier& notifier, World::Sleeper sleeper) {
        return notifier.at_next_change([&world = world_, sleeper] { world.wake(sleeper); });
    }
    void wake_after(Duration duration, World::Sleeper sleeper) {
        world_.after(duration, [this, sleeper] {
            if (dead_) return;
            machine_.when_thawed([this, sleeper] {
                if (!dead_) world_.wake(sleeper);
            });
        });
    }

    World& world_;
    Machine& machine_;
    bool dead_ = false;
};

}  // namespace ssi::sim
