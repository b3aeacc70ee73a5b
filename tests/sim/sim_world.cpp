#include "tests/sim/sim_world.hpp"

namespace ssi::sim {

void World::run_until(BootTime end, const std::function<void()>& check) {
    drain(check);  // what was begun since the last time
    while (!events_.empty() && events_.front().at <= end) {
        std::ranges::pop_heap(events_, &is_later);
        auto event = std::move(events_.back());
        events_.pop_back();
        now_ = std::max(now_, event.at);
        // As a handler of the context: what it dispatches goes on at once, as in a daemon. (Not all of them in one
        // handler that polls: the context loses count of its work in that, and stops.)
        boost::asio::post(context_, std::move(event.act));
        drain(check);
    }
    now_ = std::max(now_, end);
}

void World::drain(const std::function<void()>& check) {
    context_.restart();
    while (context_.poll_one() > 0) check();
}

World::Sleeper World::lay_down(std::move_only_function<void()> sleeper) {
    const Sleeper made{empty_beds_.empty() ? static_cast<std::uint32_t>(beds_.size()) : empty_beds_.back(),
                       ++last_sleeper_};
    if (empty_beds_.empty()) {
        beds_.emplace_back();
    } else {
        empty_beds_.pop_back();
    }
    beds_[made.place] = {made.number, std::move(sleeper)};
    return made;
}

void World::wake(Sleeper sleeper) {
    auto& bed = beds_[sleeper.place];
    if (bed.number != sleeper.number || !bed.sleeper) return;
    auto woken = std::move(bed.sleeper);
    bed.sleeper = nullptr;
    empty_beds_.push_back(sleeper.place);
    woken();
}

}  // namespace ssi::sim
