#pragma once
/// Which channel of a link control streams use. Pure.

#include <chrono>
#include <map>
#include <span>

#include "daemons/isfcd/link/logical_link.hpp"

namespace ssi::isfc {

/// The channel with the shortest way, as long as it keeps what it once could do: one that falls behind the others is
/// left, for otherwise every message would wait anew until the link has noticed that.
class ExpressChoice {
  public:
    struct Candidate {
        ChannelId channel = 0;
        std::chrono::microseconds least_round_trip{0};  ///< since it is up
        bool is_late = false;                           ///< as LogicalLink::is_late()
    };

    /// Call it with all channels every LogicalLink::kTick while frames are under way. 0: there is no channel. Another
    /// channel takes the chosen one's place only when its way is half as long, or when that one was late within
    /// kDistrust and it was not.
    [[nodiscard]] ChannelId choose(std::span<const Candidate> candidates, Time now);

    static constexpr std::chrono::seconds kDistrust{1};

  private:
    ChannelId chosen_ = 0;
    std::map<ChannelId, Time> late_at_;
};

}  // namespace ssi::isfc
