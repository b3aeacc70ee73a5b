#include "daemons/isfcd/link/express_choice.hpp"

#include <algorithm>

namespace ssi::isfc {

ChannelId ExpressChoice::choose(std::span<const Candidate> candidates, Time now) {
    std::erase_if(late_at_, [&](const auto& entry) { return now - entry.second >= kDistrust; });
    for (const auto& one : candidates)
        if (one.is_late) late_at_[one.channel] = now;
    auto best = std::ranges::find(candidates, chosen_, &Candidate::channel);
    for (auto one = candidates.begin(); one != candidates.end(); ++one) {
        if (best == candidates.end()) best = one;
        const bool is_trusted = !late_at_.contains(one->channel);
        const bool best_is_trusted = !late_at_.contains(best->channel);
        if (is_trusted == best_is_trusted ? one->least_round_trip < best->least_round_trip / 2 : is_trusted) best = one;
    }
    chosen_ = best == candidates.end() ? 0 : best->channel;
    return chosen_;
}

}  // namespace ssi::isfc
