#include "tests/sim/isfc_sim_link.hpp"

#include <format>
#include <utility>

namespace ssi::isfc::sim {
namespace {

void add(LinkCounters& sum, const LinkCounters& counters) {
    sum.sent_bytes += counters.sent_bytes;
    sum.resent_bytes += counters.resent_bytes;
    sum.received_bytes += counters.received_bytes;
    sum.duplicate_bytes += counters.duplicate_bytes;
    sum.reordered_frames += counters.reordered_frames;
    sum.ignored_frames += counters.ignored_frames;
    sum.late_channels += counters.late_channels;
    sum.opened_streams += counters.opened_streams;
    sum.failed_streams += counters.failed_streams;
}

}  // namespace

Timing quick_timing() {
    Timing timing;
    for (auto* time : {&timing.heartbeat, &timing.handshake, &timing.backoff_least, &timing.link_timeout}) *time /= 5;
    timing.backoff_most /= 10;
    return timing;
}

Link::Link(std::uint64_t seed, std::vector<Path> with, const std::array<EndOptions, 2>& each)
    : world(seed), paths(std::move(with)), options(each) {}

Link::~Link() {
    for (const Side side : {0UL, 1UL})
        if (is_alive(side)) end(side, false);
}

bool Link::run(Duration time, const std::function<bool()>& done) {
    return world.run_until(world.now() + time, done);
}

void Link::start(Side side) {
    ends_[side] = std::make_shared<End>(world, side, options[side], flows);
    flows.attach(side, ends_[side]);
    ends_[side]->link().announce(services_[side]);
    ends_[side]->start(paths, [this, side] { return ends_[1 - side]; });
}

void Link::end(Side side, bool orderly) {
    if (orderly) {
        ends_[side]->stop();
        run(std::chrono::milliseconds(1));  // the goodbye leaves
    }
    count(side);
    flows.died(side);
    ends_[side].reset();
}

void Link::announce(Side side) {
    services_[side] = {std::format("service-{}", world.number(1'000))};
    if (is_alive(side)) at(side).link().announce(services_[side]);
}

void Link::count(Side side) {
    sessions_ended_ += ends_[side]->epoch();
    add(counted_, ends_[side]->link().counters());
}

bool Link::is_up() const {
    return std::ranges::all_of(ends_, [](const auto& end) { return end && end->is_up(); });
}

std::uint64_t Link::sessions_ended() const {
    auto sum = sessions_ended_;
    for (const auto& end : ends_) sum += end ? end->epoch() : 0;
    return sum;
}

LinkCounters Link::counters() const {
    auto sum = counted_;
    for (const auto& end : ends_)
        if (end) add(sum, end->link().counters());
    return sum;
}

void Link::check_quiet() {
    for (const Side side : {0UL, 1UL}) {
        auto& end = at(side);
        if (end.link().streams() > 0)
            throw Violation(std::format("{} streams are left at side {}", end.link().streams(), side));
        const bool tells = options[0].knows_arrived && options[1].knows_arrived;
        if (tells && !end.is_quiet()) throw Violation(std::format("side {} does not come to rest", side));
        if (end.pool().in_use() > 0)
            throw Violation(std::format("side {} holds {} bytes for nothing", side, end.pool().in_use()));
        if (end.services() != services_[1 - side])
            throw Violation(std::format("side {} does not know what the other one offers", side));
        check_accounts(end);
    }
}

/// A stream gets as much as the first one of a link: nothing of those before it is still counted.
void Link::check_accounts(End& end) {
    const auto memory = end.options().link.memory;
    const auto stream = end.link().open("nobody answers");
    const auto window = end.link().status(*stream)->window;
    if (window != std::clamp(memory / 16, WindowBudget::kLeast, WindowBudget::kFirst))
        throw Violation(std::format("a window of {} bytes when all streams are gone", window));
    if (const auto room = end.link().room(*stream); room < std::min<std::size_t>(memory, 256 << 10))
        throw Violation(std::format("room for {} bytes when all streams are gone", room));
    end.link().reset(*stream, {});
}

}  // namespace ssi::isfc::sim
