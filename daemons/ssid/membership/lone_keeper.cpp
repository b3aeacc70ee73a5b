#include "daemons/ssid/membership/lone_keeper.hpp"

#include <format>
#include <utility>

#include "daemons/ssid/state/lone_rules.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {

LoneKeeper::LoneKeeper(Membership& membership, ClusterView& view, const PdrWatch& pdr, Clock& clock,
                       std::chrono::milliseconds patience)
    : membership_(membership), view_(view), pdr_(pdr), clock_(clock), patience_(patience) {}

std::optional<bool> LoneKeeper::alone() const {
    if (membership_.has_left()) return false;
    // An ssid that was started again and reaches no majority cannot know: whoever is alone may have lost its witness.
    if (!membership_.life() || !view_.is_loaded()) return std::nullopt;
    const auto* lone = view_.state().lone();
    return lone != nullptr && *lone == *membership_.life() && is_alone(view_.state(), *lone);
}

bool LoneKeeper::slot_is_clear() const {
    const auto* slot = pdr_.slot(membership_.own());
    return pdr_.last() && pdr_.last()->fresh && slot != nullptr && !slot->lone;
}

boost::asio::awaitable<void> LoneKeeper::step() {
    if (!membership_.life() || std::exchange(under_way_, true)) co_return;
    if (auto done = co_await commit_next(*membership_.life()); !done)
        log::debug("not decided yet whether this member is alone: " + done.error().text());
    under_way_ = false;
}

boost::asio::awaitable<Result<void>> LoneKeeper::commit_next(MemberLife life) {
    const auto& state = view_.state();
    const bool says_so = state.lone() != nullptr && *state.lone() == life;
    if (!is_alone(state, life)) {
        alone_since_.reset();
        if (!says_so || !slot_is_clear()) co_return Result<void>{};
        auto ended = co_await view_.commit([life](const ClusterState& now) { return decide_not_lone(now, life); });
        if (ended) log::notice(std::format("{} is not alone any more: others may join", life.member.str()));
        co_return ended;
    }
    const auto now = clock_.now();
    if (!alone_since_) alone_since_ = now;
    if (says_so || now - *alone_since_ < patience_) co_return Result<void>{};
    co_return co_await view_.commit([life](const ClusterState& seen) { return decide_lone(seen, life); });
}

}  // namespace ssi::cluster
