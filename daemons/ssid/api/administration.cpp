#include "daemons/ssid/api/administration.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <format>
#include <iterator>
#include <ranges>
#include <utility>

#include "daemons/ssid/api/documents.hpp"
#include "daemons/ssid/api/evidence.hpp"
#include "daemons/ssid/api/fence_test.hpp"
#include "daemons/ssid/state/guest_rules.hpp"
#include "daemons/ssid/state/member_rules.hpp"
#include "daemons/ssid/state/saved_state_rules.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

/// Of a request in Influx. A join or leave takes a second, a fencing a few.
constexpr std::chrono::seconds kInfluxPatience(10);

Result<int> number_in(const std::string& text, std::string_view what, int least, int most) {
    int number = 0;
    const auto* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, number);
    if (read.ec != std::errc() || read.ptr != end || number < least || number > most)
        return failure(ErrorCode::kUsage, std::format("'{}' is no {}", text, what), text,
                       std::format("a whole number from {} to {}", least, most));
    return number;
}

}  // namespace

Administration::Administration(const SystemConfig& config, Membership& membership, PeerWatch& watch,
                               const PdrWatch& pdr, ClusterView& view, const VoterKeeper& voters,
                               const EngineHealth& health, Hypervisor& hypervisor, Relocations& relocations,
                               Clock& clock, RecordedVerdicts* recorded)
    : config_(config),
      membership_(membership),
      watch_(watch),
      pdr_(pdr),
      view_(view),
      voters_(voters),
      health_(health),
      hypervisor_(hypervisor),
      relocations_(relocations),
      clock_(clock),
      recorded_(recorded),
      gate_(membership, watch, pdr, view, clock, kInfluxPatience) {}

Result<MemberName> Administration::configured(const std::string& member) const {
    auto name = MemberName::parse(member);
    if (!name) return name;
    if (config_.find(*name) == nullptr)
        return failure(ErrorCode::kMemberUnknown, std::format("there is no member {}", member), member,
                       "ssictl query ssi lists the members");
    return name;
}

Administration::Answer Administration::query_ssi() {
    const auto now = clock_.now();
    OwnView own{gate_.sight(), {}, {}, {}, voters_.seats(), health_.fault()};
    for (const auto& member : config_.members) {
        if (const auto age = watch_.age(member.name, now)) own.heartbeat_ages[member.name] = *age;
        if (const auto age = pdr_.age(member.name, now)) own.pdr_ages[member.name] = *age;
    }
    if (!config_.pdr.device.empty())
        own.pdr = {pdr_.is_readable(now), pdr_.last() ? pdr_.last()->fault : "ssi-guard has not looked at it yet"};
    if (const auto& pass = pdr_.last())
        for (const auto& slot : pass->slots) own.slots[slot.member] = slot;
    if (const auto age = membership_.beat_age()) own.heartbeat_ages[membership_.own()] = *age;
    co_return text(query_document(config_, view_.state(), own));
}

Administration::Answer Administration::why(std::string member) {
    const auto name = configured(member);
    if (!name) co_return std::unexpected(name.error());
    const auto now = clock_.now();
    const bool is_own = *name == membership_.own();
    Evidence evidence{gate_.sight(),
                      is_own ? membership_.beat_age() : watch_.age(*name, now),
                      pdr_.age(*name, now),
                      pdr_.is_readable(now),
                      pdr_.last() ? pdr_.last()->fault : "ssi-guard has not looked at it yet",
                      {},
                      {}};
    if (const auto& pass = pdr_.last()) {
        for (const auto& slot : pass->slots)
            if (slot.member == *name) evidence.slot = slot;
        std::ranges::copy_if(pass->verdicts, std::back_inserter(evidence.recorded),
                             [&](const RecordedVerdict& recorded) { return recorded.verdict.member == *name; });
    }
    co_return text(why_document(config_, view_.state(), *name, evidence));
}

Administration::Answer Administration::guest_list() {
    co_return text(guest_list_document(view_.state()));
}

Administration::Answer Administration::guest_show(std::string guest) {
    const auto name = GuestName::parse(guest);
    if (!name) co_return std::unexpected(name.error());
    co_return text(guest_document(view_.state(), *name));
}

Administration::Answer Administration::guest_start(std::string guest, std::string member) {
    const auto name = GuestName::parse(guest);
    if (!name) co_return std::unexpected(name.error());
    const auto at = member.empty() ? Result<MemberName>(membership_.own()) : configured(member);
    if (!at) co_return std::unexpected(at.error());
    const bool is_here = *at == membership_.own();
    if (auto entered = co_await gate_.enter(is_here ? Request::kStart : Request::kStartElsewhere, {*at}); !entered)
        co_return std::unexpected(entered.error());
    const auto life = view_.state().joined_life(*at);
    if (!life)
        co_return failure(ErrorCode::kMemberNotJoined, std::format("{} is not Joined", at->str()), at->str(),
                          "ssictl query ssi shows the members that are");
    // The rule is asked first for its clear words; the start itself is decided by the door, as for any other start.
    const auto* definition = view_.state().definition(*name);
    if (definition != nullptr) {
        const auto allowed = decide_start(view_.state(), {*name, *life, RunId("-"), *definition});
        if (!allowed) co_return std::unexpected(allowed.error());
    }
    auto started = co_await hypervisor_.start(*at, *name, definition == nullptr ? "" : definition->xml);
    if (!started) co_return std::unexpected(started.error());
    co_return text(json::Object{{"v", 1}, {"guest", guest}, {"member", at->str()}});
}

boost::asio::awaitable<Result<void>> Administration::stop(GuestName guest, bool at_once) {
    const auto* residency = view_.state().residency(guest);
    if (residency == nullptr)
        co_return failure(ErrorCode::kGuestNotRunning, std::format("guest {} does not run", guest.str()), guest.str());
    if (residency->phase == Phase::kPending)
        co_return co_await view_.commit(
            [guest](const ClusterState& state) { return decide_forget_pending(state, guest); });
    const auto member = residency->home.member;
    if (at_once) co_return co_await hypervisor_.destroy(member, guest);
    co_return co_await hypervisor_.shutdown(member, guest);
}

Administration::Answer Administration::guest_shutdown(std::string guest) {
    const auto name = GuestName::parse(guest);
    if (!name) co_return std::unexpected(name.error());
    if (auto stopped = co_await stop(*name, false); !stopped) co_return std::unexpected(stopped.error());
    co_return text(json::Object{{"v", 1}, {"guest", guest}});
}

Administration::Answer Administration::guest_destroy(std::string guest) {
    const auto name = GuestName::parse(guest);
    if (!name) co_return std::unexpected(name.error());
    if (auto stopped = co_await stop(*name, true); !stopped) co_return std::unexpected(stopped.error());
    co_return text(json::Object{{"v", 1}, {"guest", guest}});
}

Administration::Answer Administration::guest_discard(std::string guest, std::string who) {
    const auto name = GuestName::parse(guest);
    if (!name) co_return std::unexpected(name.error());
    auto committed = co_await view_.commit([&](const ClusterState& state) { return decide_discard(state, *name); });
    if (!committed) co_return std::unexpected(committed.error());
    log::notice(std::format("{} gave up the saved memory of guest {}", who, guest), {{"SSI_GUEST", guest}});
    co_return text(json::Object{{"v", 1}, {"guest", guest}});
}

Result<std::vector<MemberName>> Administration::member_list(const std::string& names) const {
    std::vector<MemberName> members;
    for (const auto part : std::views::split(names, ',')) {
        const auto member = configured(std::string(std::string_view(part)));
        if (!member) return std::unexpected(member.error());
        if (!std::ranges::contains(members, *member)) members.push_back(*member);
    }
    return members;
}

Administration::Answer Administration::guest_policy(std::string guest, std::string restart, std::string prefer,
                                                    std::string priority, std::string limit) {
    const auto name = GuestName::parse(guest);
    if (!name) co_return std::unexpected(name.error());
    if (!restart.empty() && restart != "yes" && restart != "no" && restart != "prefer")
        co_return failure(ErrorCode::kUsage, std::format("'{}' is no way to restart a guest", restart), guest,
                          "yes, no or prefer");
    const auto members = member_list(prefer);
    if (!prefer.empty() && !members) co_return std::unexpected(members.error());
    const auto new_priority = priority.empty() ? Result<int>(0) : number_in(priority, "priority", -1000, 1000);
    if (!new_priority) co_return std::unexpected(new_priority.error());
    const auto new_limit = limit.empty() ? Result<int>(0) : number_in(limit, "limit", 0, 100);
    if (!new_limit) co_return std::unexpected(new_limit.error());

    const bool changes = !restart.empty() || !prefer.empty() || !priority.empty() || !limit.empty();
    auto committed = co_await view_.commit([&](const ClusterState& state) -> Result<Transaction> {
        auto policy = state.policy(*name);
        if (!restart.empty()) policy.restart = restart != "no";
        if (restart == "yes") policy.prefer.clear();
        if (!prefer.empty()) policy.prefer = *members;
        if (!priority.empty()) policy.priority = *new_priority;
        if (!limit.empty()) policy.limit = *new_limit;
        auto decided = decide_policy(state, *name, policy);
        return changes || !decided ? decided : Transaction{};
    });
    if (!committed) co_return std::unexpected(committed.error());
    if (changes) log::notice(std::format("the restart policy of guest {} was changed", guest), {{"SSI_GUEST", guest}});
    co_return text(policy_document(view_.state(), *name));
}

Administration::Answer Administration::relocate_move(std::string guest, std::string member) {
    const auto name = GuestName::parse(guest);
    if (!name) co_return std::unexpected(name.error());
    const auto to = configured(member);
    if (!to) co_return std::unexpected(to.error());
    std::vector<MemberName> needed{*to};
    if (const auto* residency = view_.state().residency(*name)) needed.push_back(residency->home.member);
    if (auto entered = co_await gate_.enter(Request::kRelocate, std::move(needed)); !entered)
        co_return std::unexpected(entered.error());
    auto moved = co_await relocations_.move(*name, *to);
    if (!moved) co_return std::unexpected(moved.error());
    if (moved->outcome != "moved")
        co_return failure(ErrorCode::kRelocationFailed, std::format("guest {} was not moved: {}", guest, moved->reason),
                          guest, "it goes on where it was: ssictl guest show " + guest);
    co_return text(move_document(*name, *moved));
}

Administration::Answer Administration::relocate_status(std::string guest) {
    const auto name = GuestName::parse(guest);
    if (!name) co_return std::unexpected(name.error());
    co_return text(relocation_document(view_.state(), *name));
}

Administration::Answer Administration::member_set_down(std::string member) {
    const auto name = configured(member);
    if (!name) co_return std::unexpected(name.error());
    if (recorded_ != nullptr && !membership_.has_majority()) {
        if (auto done = co_await recorded_->record(*name, pdr::ProofKind::kOperator); !done)
            co_return std::unexpected(done.error());
        co_return text(json::Object{{"v", 1}, {"member", member}, {"state", "recorded"}});
    }
    auto committed = co_await view_.commit([&](const ClusterState& state) {
        // Not seen to stand still for long enough is as good as moving (SAFETY 15).
        const bool moving = *name == membership_.own() || !watch_.may_be_set_down(state, *name, clock_.now());
        return decide_set_down(state, *name, moving);
    });
    if (!committed) co_return std::unexpected(committed.error());
    co_return text(json::Object{{"v", 1}, {"member", member}, {"state", "Down"}});
}

Administration::Answer Administration::member_leave() {
    if (auto entered = co_await gate_.enter(Request::kLeave, {}); !entered) co_return std::unexpected(entered.error());
    if (auto left = co_await membership_.leave(); !left) co_return std::unexpected(left.error());
    co_return text(json::Object{{"v", 1}, {"member", membership_.own().str()}, {"state", "Down"}});
}

Administration::Answer Administration::fence_test(std::string member) {
    const auto name = configured(member);
    if (!name) co_return std::unexpected(name.error());
    co_return text(co_await test_fencing(config_, *name));
}

OperatorWord Administration::word(std::string who, std::string why) const {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    return {membership_.own(), std::move(who), std::move(why), now.time_since_epoch().count()};
}

Administration::Answer Administration::disarm(std::string why, std::string who) {
    const auto said = word(who, why);
    auto committed = co_await view_.commit([&](const ClusterState& state) { return decide_disarm(state, said); });
    if (!committed) co_return std::unexpected(committed.error());
    log::warning(std::format("fencing is disarmed by {}: nobody is fenced, no guest of a dead member is restarted ({})",
                             who, why.empty() ? "no reason given" : why));
    co_return text(fencing_document(view_.state()));
}

Administration::Answer Administration::arm(std::string who) {
    auto committed = co_await view_.commit([](const ClusterState& state) { return decide_arm(state); });
    if (!committed) co_return std::unexpected(committed.error());
    log::notice(std::format("fencing is armed by {}", who));
    co_return text(fencing_document(view_.state()));
}

Administration::Answer Administration::maintenance_on(std::string member, std::string why, std::string who) {
    const auto name = configured(member);
    if (!name) co_return std::unexpected(name.error());
    const auto said = word(who, why);
    auto committed =
        co_await view_.commit([&](const ClusterState& state) { return decide_maintenance_on(state, *name, said); });
    if (!committed) co_return std::unexpected(committed.error());
    log::warning(std::format("{} is in maintenance by {} ({})", member, who, why.empty() ? "no reason given" : why),
                 {{"SSI_MEMBER", member}});
    co_return text(maintenance_document(view_.state(), *name));
}

Administration::Answer Administration::maintenance_off(std::string member, std::string who) {
    const auto name = configured(member);
    if (!name) co_return std::unexpected(name.error());
    auto committed =
        co_await view_.commit([&](const ClusterState& state) { return decide_maintenance_off(state, *name); });
    if (!committed) co_return std::unexpected(committed.error());
    log::notice(std::format("{} is no longer in maintenance, by {}", member, who), {{"SSI_MEMBER", member}});
    co_return text(maintenance_document(view_.state(), *name));
}

}  // namespace ssi::cluster
