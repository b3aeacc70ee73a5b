#pragma once
/// Which step a channel-to-channel adapter needs next: decided from what is seen and the clock, without doing it.

#include <chrono>
#include <functional>
#include <optional>

#include "daemons/isfcd/driver/ctc_device.hpp"
#include "daemons/isfcd/driver/point_to_point.hpp"

namespace ssi::isfc {

enum class CtcStep {
    kNone,
    kGroup,
    kSetProtocol,
    kSetOnline,
    kSetBuffer,
    kSetMtu,
    kAddAddress,
    kBringUp,
    kTakeDown,    ///< To try anew, or because a setting can only be changed so.
    kSetOffline,  ///< Because the protocol can only be changed so.
};

/// What a decision rests on.
struct CtcView {
    bool obstacle = false;  ///< An administrator has to mend something first.
    CtcDeviceState device = {};
    PointToPointState interface = {};
    bool carries = false;  ///< Our own handshake passed: the proof that the two drivers understand each other.
};

/// Two ctcm that come up at the same moment can reset each other for ever, with the interface up on both sides. So one
/// side is patient and goes first, the other follows after a while and is quick to try anew; jitter does the rest.
/// These are times of the kernel's driver (its timers are of 5 s), not of ours.
struct CtcTimes {
    std::chrono::milliseconds look{2'000};         ///< Between looks while something is not as it should be.
    std::chrono::milliseconds retry_least{2'000};  ///< After a step that was refused; doubled up to the most.
    std::chrono::milliseconds retry_most{30'000};
    std::chrono::milliseconds follow{8'000};            ///< The higher slot comes up so much later.
    std::chrono::milliseconds patience_first{30'000};   ///< The lower slot waits so long for any packet...
    std::chrono::milliseconds patience_second{14'000};  ///< ...and the higher; then down and up again.
    std::chrono::milliseconds rest_first{1'000};        ///< Between down and up.
    std::chrono::milliseconds rest_second{6'000};
};

struct CtcDecision {
    CtcStep step = CtcStep::kNone;
    std::chrono::milliseconds look_again{0};  ///< With kNone.
};

/// One adapter. Not thread-safe.
class CtcPlan {
  public:
    using Time = std::chrono::steady_clock::time_point;
    /// `goes_first`: this is the member with the lower slot. `random` gives numbers in [0, 1).
    CtcPlan(bool goes_first, const CtcTimes& times, std::function<double()> random);

    [[nodiscard]] CtcDecision decide(const CtcView& view, Time now);
    /// How the step that was decided on ended.
    void ended(bool done, Time now);

  private:
    [[nodiscard]] std::chrono::milliseconds jittered(std::chrono::milliseconds time);
    [[nodiscard]] CtcDecision until(Time when, Time now) const;

    bool goes_first_;
    CtcTimes times_;
    std::function<double()> random_;
    int refusals_ = 0;
    Time retry_at_;                 // no step before
    std::optional<Time> up_at_;     // the interface is to come up
    std::optional<Time> judge_at_;  // up and nothing received until then: try anew
    std::uint64_t received_ = 0;
};

}  // namespace ssi::isfc
