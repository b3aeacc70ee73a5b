#pragma once
/// Whether a key of the cluster stands still, judged by this member alone (SAFETY 5).

#include <chrono>
#include <optional>

#include "daemons/ssid/engine/engine.hpp"
#include "lib/common/clock.hpp"

namespace ssi::cluster {

/// Pure but for the time that is passed in.
class StillWatch {
  public:
    explicit StillWatch(std::chrono::milliseconds time) : time_(time) {}

    /// To be asked with a state that was read just now, again and again: it has seen the key at this revision for all
    /// of `time`. Another key, or none, is another revision.
    [[nodiscard]] bool look(Revision modified, BootTime now) {
        if (modified != seen_ || !since_) {
            seen_ = modified;
            since_ = now;
        }
        return now - *since_ >= time_;
    }

  private:
    std::chrono::milliseconds time_;
    Revision seen_{};
    std::optional<BootTime> since_;
};

}  // namespace ssi::cluster
