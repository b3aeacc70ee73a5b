#include "daemons/ssid/fencing/fencing.hpp"

#include <chrono>
#include <format>
#include <utility>

#include "daemons/ssid/gate/spawn.hpp"
#include "daemons/ssid/state/member_rules.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {
using namespace std::chrono_literals;
constexpr auto kRetry = 1s;
}  // namespace

Fencing::Fencing(Membership& membership, PeerWatch& watch, ClusterView& view,
                 std::vector<std::unique_ptr<FenceAgent>> agents, Clock& clock,
                 const boost::asio::any_io_executor& executor)
    : membership_(membership),
      watch_(watch),
      view_(view),
      agents_(std::move(agents)),
      clock_(clock),
      executor_(executor) {}

void Fencing::consider() {
    const auto& state = view_.state();
    // An intent of our own that a restart of ssid left open: nobody else takes it from a living member.
    for (const auto& [target, intent] : state.fences())
        if (intent.value.by == membership_.own()) begin(target, intent.value.alive);
    if (!watch_.is_coordinator(state)) return;
    for (const auto& target : watch_.silent()) begin(target, state.modified(alive_key(target)));
}

void Fencing::begin(const MemberName& target, Revision alive_seen) {
    if (under_way_.insert(target).second) gate::spawn(executor_, fence(target, alive_seen));
}

boost::asio::awaitable<void> Fencing::fence(MemberName target, Revision alive_seen) {
    log::warning(std::format("{} is silent: fencing it", target.str()), {{"SSI_MEMBER", target.str()}});
    Result<void> result = failure(ErrorCode::kMemberNotJoined, "this member is not Joined");
    if (const auto life = membership_.life()) {
        result = co_await view_.commit([&, own = *life](const ClusterState& state) {
            const auto* intent = state.fence(target);
            return decide_fence(state,
                                {own, target, alive_seen, intent != nullptr && watch_.unheard().contains(intent->by)});
        });
    }
    if (result) result = co_await cut_power(target);
    if (!result) {
        log::error(std::format("{} could not be fenced", target.str()), result.error());
        auto withdrawn = co_await view_.commit(
            [&](const ClusterState& state) { return decide_fence_void(state, membership_.own(), target); });
        if (!withdrawn) log::warning("the intent to fence stays open", withdrawn.error());
        co_await clock_.sleep(kRetry);
    }
    under_way_.erase(target);
}

boost::asio::awaitable<Result<void>> Fencing::cut_power(MemberName target) {
    Result<void> result =
        failure(ErrorCode::kFenceFailed, std::format("no fence agent is configured for {}", target.str()), target.str(),
                "add a [[fence]] to system.toml, or: ssictl member set-down " + target.str());
    for (const auto& agent : agents_) {
        result = co_await agent->off(target);
        if (result)
            co_return co_await judge(target,
                                     std::format("fenced by {} through {}", membership_.own().str(), agent->name()));
        log::warning(std::format("fence agent {} failed", agent->name()), result.error());
    }
    co_return result;
}

boost::asio::awaitable<Result<void>> Fencing::judge(MemberName target, std::string reason) {
    // The power is off: only the verdict is missing, and it is committed as soon as the engine answers.
    while (true) {
        auto judged = co_await view_.commit(
            [&](const ClusterState& state) { return decide_dead(state, membership_.own(), target, reason); });
        if (judged) {
            log::notice(std::format("{} is Down: {}", target.str(), reason), {{"SSI_MEMBER", target.str()}});
            co_return judged;
        }
        const auto code = judged.error().code;
        if (code == ErrorCode::kMemberAlive || code == ErrorCode::kFenceOpen || code == ErrorCode::kMemberUnknown)
            co_return judged;
        co_await clock_.sleep(200ms);
    }
}

}  // namespace ssi::cluster
