#include "tools/ssictl/drill/instance_watch.hpp"

#include <chrono>
#include <utility>

namespace ssi::ctl {
namespace {
constexpr std::chrono::milliseconds kBetweenLooks(200);
}

InstanceWatch::InstanceWatch(Site& site, std::string guest) : site_(site), guest_(std::move(guest)) {
    for (const auto& member : site.members())
        threads_.emplace_back([this, member](const std::stop_token& stop) { ask(stop, member); });
}

InstanceWatch::~InstanceWatch() {
    for (auto& thread : threads_) thread.request_stop();
    threads_.clear();  // joins
}

void InstanceWatch::ask(const std::stop_token& stop, const std::string& member) {
    while (!stop.stop_requested()) {
        auto answer = site_.instance(member, guest_);
        const auto now = DrillTime::clock::now();
        std::unique_lock lock(mutex_);
        answers_.push_back(answer ? *answer : Instance{member, now, now, false, {}});
        ended_.wait_for(lock, stop, kBetweenLooks, [] { return false; });
    }
}

std::vector<Instance> InstanceWatch::take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(answers_, {});
}

}  // namespace ssi::ctl
