#pragma once
/// Simulated time and chance for two ends of a logical link. The same seed gives the same run.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <format>
#include <functional>
#include <random>
#include <utility>
#include <vector>

#include "daemons/isfcd/link/flight.hpp"

namespace ssi::isfc::sim {

using Duration = std::chrono::microseconds;

class World {
  public:
    explicit World(std::uint64_t seed) : random_(seed) {}

    [[nodiscard]] Time now() const { return now_; }
    [[nodiscard]] std::uint64_t random() { return random_(); }
    /// 0 .. below-1.
    std::size_t number(std::size_t below) { return random_() % below; }
    bool chance(double probability) { return static_cast<double>(random_() >> 11) * 0x1.0p-53 < probability; }
    Duration between(Duration least, Duration most) {
        return least + Duration(number(static_cast<std::size_t>((most - least).count()) + 1));
    }

    /// What happens, for somebody who looks for the reason of a failure.
    template <class... Values>
    void tell(std::format_string<Values...> format, Values&&... values) const {
        if (!tells) return;
        const auto time = std::chrono::duration_cast<Duration>(now_.time_since_epoch()).count() - 3'600'000'000;
        std::printf("%8lld us: %s\n", static_cast<long long>(time),
                    std::format(format, std::forward<Values>(values)...).c_str());
    }
    bool tells = false;

    void after(Duration delay, std::function<void()> act) {
        events_.push_back({now_ + delay, ++last_, std::move(act)});
        std::ranges::push_heap(events_, later);
    }
    /// Lets everything happen up to a time, or until `done` says so; it is asked after each event.
    bool run_until(Time end, const std::function<bool()>& done) {
        while (!events_.empty() && events_.front().at <= end) {
            std::ranges::pop_heap(events_, later);
            const auto event = std::move(events_.back());
            events_.pop_back();
            now_ = std::max(now_, event.at);
            event.act();
            if (done()) return true;
        }
        now_ = std::max(now_, end);
        return false;
    }

  private:
    struct Event {
        Time at;
        std::uint64_t number;
        std::function<void()> act;
    };
    static bool later(const Event& one, const Event& other) {
        return std::pair(one.at, one.number) > std::pair(other.at, other.number);
    }

    std::vector<Event> events_;  // a heap
    std::uint64_t last_ = 0;
    Time now_{std::chrono::hours(1)};
    std::mt19937_64 random_;
};

}  // namespace ssi::isfc::sim
