#include "daemons/isfcd/driver/ctc_plan.hpp"

#include <algorithm>
#include <utility>

namespace ssi::isfc {
namespace {

/// What is missing, in the order in which the kernel accepts it.
CtcStep next_step(const CtcDeviceState& device, const PointToPointState& interface) {
    if (!device.grouped) return CtcStep::kGroup;
    if (!device.protocol_fits) {
        if (!device.online) return CtcStep::kSetProtocol;
        return interface.up ? CtcStep::kTakeDown : CtcStep::kSetOffline;
    }
    if (!device.online) return CtcStep::kSetOnline;
    if (!interface.present) return CtcStep::kNone;  // about to appear
    if (!device.buffer_fits) return interface.up ? CtcStep::kTakeDown : CtcStep::kSetBuffer;
    if (!interface.mtu_fits) return CtcStep::kSetMtu;
    if (!interface.address_fits) return CtcStep::kAddAddress;
    return interface.up ? CtcStep::kNone : CtcStep::kBringUp;
}

}  // namespace

CtcPlan::CtcPlan(bool goes_first, const CtcTimes& times, std::function<double()> random)
    : goes_first_(goes_first), times_(times), random_(std::move(random)) {}

std::chrono::milliseconds CtcPlan::jittered(std::chrono::milliseconds time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time * (1 + random_() / 2));
}

CtcDecision CtcPlan::until(Time when, Time now) const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(when - now);
    return {CtcStep::kNone, std::clamp(left, std::chrono::milliseconds(1), times_.look)};
}

CtcDecision CtcPlan::decide(const CtcView& view, Time now) {
    if (view.carries || view.obstacle) {
        refusals_ = 0;
        up_at_.reset();
        judge_at_.reset();
        return {CtcStep::kNone, times_.look};
    }
    if (now < retry_at_) return until(retry_at_, now);
    const auto step = next_step(view.device, view.interface);
    if (step == CtcStep::kBringUp) {
        judge_at_.reset();
        if (!up_at_) up_at_ = goes_first_ ? now : now + jittered(times_.follow);
        if (now < *up_at_) return until(*up_at_, now);
    } else if (step == CtcStep::kNone && view.interface.up) {
        up_at_.reset();
        // Who receives is understood: then it is isfcd at the other end that is slow, or not there.
        if (std::exchange(received_, view.interface.received) != view.interface.received) judge_at_.reset();
        if (!judge_at_) judge_at_ = now + jittered(goes_first_ ? times_.patience_first : times_.patience_second);
        if (now < *judge_at_) return until(*judge_at_, now);
        judge_at_.reset();
        up_at_ = now + jittered(goes_first_ ? times_.rest_first : times_.rest_second);
        return {CtcStep::kTakeDown, {}};
    }
    if (step == CtcStep::kNone) return {step, times_.look};
    return {step, {}};
}

void CtcPlan::ended(bool done, Time now) {
    if (done) {
        refusals_ = 0;
        return;
    }
    const auto longer = times_.retry_least * (1 << std::min(refusals_++, 10));
    retry_at_ = now + jittered(std::min(longer, times_.retry_most));
}

}  // namespace ssi::isfc
