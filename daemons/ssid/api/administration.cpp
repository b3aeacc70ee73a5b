#include "daemons/ssid/api/administration.hpp"

#include <boost/json/serialize.hpp>
#include <format>
#include <utility>

#include "daemons/ssid/api/documents.hpp"
#include "daemons/ssid/state/guest_rules.hpp"
#include "daemons/ssid/state/member_rules.hpp"

namespace ssi::cluster {
namespace {

std::string text(const json::Object& document) {
    return boost::json::serialize(document);
}

Result<std::string> text(const Result<json::Object>& document) {
    if (!document) return std::unexpected(document.error());
    return text(*document);
}

}  // namespace

Administration::Administration(const SystemConfig& config, Membership& membership, PeerWatch& watch,
                               const PdrWatch& pdr, ClusterView& view, Hypervisor& hypervisor, Relocations& relocations,
                               Clock& clock)
    : config_(config),
      membership_(membership),
      watch_(watch),
      pdr_(pdr),
      view_(view),
      hypervisor_(hypervisor),
      relocations_(relocations),
      clock_(clock) {}

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
    OwnView own{membership_.own(), membership_.has_majority(), {}, {}, {}};
    for (const auto& member : config_.members) {
        if (const auto age = watch_.age(member.name, now)) own.heartbeat_ages[member.name] = *age;
        if (const auto age = pdr_.age(member.name, now)) own.pdr_ages[member.name] = *age;
    }
    if (!config_.pdr.device.empty())
        own.pdr = {pdr_.is_readable(now), pdr_.last() ? pdr_.last()->fault : "ssi-guard has not looked at it yet"};
    if (const auto age = membership_.beat_age()) own.heartbeat_ages[membership_.own()] = *age;
    co_return text(query_document(config_, view_.state(), own));
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

Administration::Answer Administration::relocate_move(std::string guest, std::string member) {
    const auto name = GuestName::parse(guest);
    if (!name) co_return std::unexpected(name.error());
    const auto to = configured(member);
    if (!to) co_return std::unexpected(to.error());
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
    auto committed = co_await view_.commit([&](const ClusterState& state) {
        // Not seen to stand still for long enough is as good as moving (SAFETY 15).
        const bool moving = *name == membership_.own() || !watch_.stands_still(state, *name, clock_.now());
        return decide_set_down(state, *name, moving);
    });
    if (!committed) co_return std::unexpected(committed.error());
    co_return text(json::Object{{"v", 1}, {"member", member}, {"state", "Down"}});
}

Administration::Answer Administration::member_leave() {
    if (auto left = co_await membership_.leave(); !left) co_return std::unexpected(left.error());
    co_return text(json::Object{{"v", 1}, {"member", membership_.own().str()}, {"state", "Down"}});
}

}  // namespace ssi::cluster
