#include "daemons/ssid/gate/witness_guard.hpp"

#include <algorithm>
#include <format>
#include <utility>

#include "lib/common/log.hpp"

namespace ssi::gate {
namespace {
using namespace std::chrono_literals;
}

WitnessGuard::WitnessGuard(Clock& clock, LeaseFile file, Settings settings)
    : clock_(clock), file_(std::move(file)), settings_(std::move(settings)), lease_(settings_.terms, clock.now()) {
    const auto kept = file_.load();
    // What cannot be read vouches for nothing: the first look kills.
    if (!kept) log::error("the lease of the witness is lost", kept.error());
    if (kept && *kept) lease_.remember(**kept);
}

void WitnessGuard::renew(BootTime begun) {
    const auto now = clock_.now();
    // First, so that a renewal never comes between the end of the lease and the kill.
    look();
    const auto before = lease_.deadline();
    lease_.renew(begun, now);
    if (before != lease_.deadline() && runs()) save();
}

void WitnessGuard::attend(bool is_there) {
    lease_.attend(is_there, clock_.now());
}

void WitnessGuard::save() {
    if (auto saved = file_.save(lease_.memory()); !saved)
        log::error("the lease of the witness is not kept", saved.error());
}

void WitnessGuard::look() {
    if (process_ && process_->is_gone()) process_.reset();
    if (!process_) process_ = WitnessProcess::find(settings_.places);
    if (lease_.must_end(process_.has_value(), clock_.now()))
        end(lease_.deadline() ? "ssid, which alone could give it up, has been away for too long"
                              : "this member's slot on the PDR has not been seen to be written for too long");
    if (std::exchange(told_running_, runs()) == runs()) return;
    if (runs()) save();
    if (on_change) on_change(runs());
}

void WitnessGuard::end(std::string_view why) {
    const auto killed = process_->kill();
    if (std::exchange(ended_, process_->pid()) != process_->pid()) {
        log::error(std::format("the witness is killed: {}", why));
        save();
    }
    if (!killed) log::error("the witness could not be killed", killed.error());
}

boost::asio::awaitable<void> WitnessGuard::run() {
    while (true) {
        look();
        auto next = settings_.beat;
        if (const auto deadline = lease_.deadline())
            next = std::clamp(std::chrono::milliseconds(*deadline - clock_.now()), 1ms, next);
        co_await clock_.sleep(next);
    }
}

boost::asio::awaitable<void> WitnessGuard::outlive() {
    constexpr auto kPause = 20ms;  // nothing tells when a file is removed
    while (true) {
        look();
        std::error_code error;
        if (process_)
            end("this member has lost its lease");
        else if (!std::filesystem::exists(settings_.places.loop, error) && !error)
            co_return;
        co_await clock_.sleep(kPause);
    }
}

}  // namespace ssi::gate
