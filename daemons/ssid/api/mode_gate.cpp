#include "daemons/ssid/api/mode_gate.hpp"

#include <algorithm>
#include <format>

#include "lib/common/notifier.hpp"

namespace ssi::cluster {

ModeGate::ModeGate(Membership& membership, PeerWatch& watch, const PdrWatch& pdr, ClusterView& view, Clock& clock,
                   std::chrono::milliseconds patience)
    : membership_(membership), watch_(watch), pdr_(pdr), view_(view), clock_(clock), patience_(patience) {}

Sight ModeGate::sight() const {
    const auto now = clock_.now();
    Sight seen{membership_.own(), membership_.has_majority(), watch_.unheard(), {}};
    for (const auto& [name, record] : view_.state().members())
        if (pdr_.moves(name, now)) seen.slots_moving.insert(name);
    return seen;
}

Result<void> ModeGate::reachable(const std::vector<MemberName>& needed, const Sight& seen) const {
    if (!seen.has_majority)
        return failure(ErrorCode::kNoMajority,
                       std::format("{} has no majority: running guests run on, nothing new starts", seen.own.str()),
                       seen.own.str(), "bring members or links back: ssictl query ssi");
    for (const auto& member : needed) {
        const auto state = state_seen(view_.state(), member, seen);
        if (member != seen.own && (state == MemberState::kSuspended || state == MemberState::kUnknown))
            return failure(ErrorCode::kMemberUnreachable,
                           std::format("{} is {}: {}", member.str(), text_of(state),
                                       state == MemberState::kSuspended
                                           ? "it lives, for its slot on the PDR moves, but cannot be reached"
                                           : "neither of its signs of life is seen"),
                           member.str(), "ssictl query ssi --why " + member.str());
    }
    return {};
}

boost::asio::awaitable<Result<void>> ModeGate::enter(Request request, std::vector<MemberName> needed) {
    const auto deadline = clock_.now() + patience_;
    while (true) {
        const auto changes = view_.changed().count();
        const auto seen = sight();
        const auto allowed = reachable(needed, seen);
        switch (judge(request, mode_seen(view_.state(), seen), allowed.has_value())) {
            case Gate::kOpen:
                co_return Result<void>{};
            case Gate::kRefuse:
                co_return allowed;
            case Gate::kWait:
                break;
        }
        const auto now = clock_.now();
        // The rules are safe in every mode: what the change does not touch need not wait for ever.
        if (now >= deadline) co_return Result<void>{};
        co_await clock_.wait_change(view_.changed(), changes,
                                    std::min<std::chrono::milliseconds>(deadline - now, std::chrono::seconds(1)));
    }
}

}  // namespace ssi::cluster
