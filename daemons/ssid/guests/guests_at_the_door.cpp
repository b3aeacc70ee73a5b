// What libvirt's hook is answered.

#include <chrono>
#include <format>
#include <utility>

#include "daemons/ssid/guests/guests.hpp"
#include "daemons/ssid/state/guest_rules.hpp"
#include "daemons/ssid/state/saved_state_rules.hpp"
#include "lib/common/log.hpp"
#include "lib/common/mutation.hpp"

namespace ssi::cluster {
namespace {

std::unexpected<Error> not_joined(const MemberName& member) {
    return failure(ErrorCode::kMemberNotJoined,
                   std::format("{} is not Joined, so nothing is started on it", member.str()), member.str(),
                   "ssictl query ssi shows why; wait until it is Joined and try again");
}

}  // namespace

boost::asio::awaitable<Result<void>> Guests::hook(HookRequest request) {
    const auto& operation = request.operation;
    if (operation == "migrate") co_return co_await announce_incoming(request.guest);
    if (operation == "restore") {
        restoring_.insert(request.guest);
        co_return Result<void>{};
    }
    if (operation == "prepare" && request.suboperation == "begin") co_return co_await prepare(std::move(request));
    if (operation == "release") co_return co_await start_was_given_up(request.guest);
    // start, started, stopped, reconnect: the guard's door or the prepare that follows decides; refusing here
    // would only come too late, or kill a running guest (SAFETY 21).
    poke();
    co_return Result<void>{};
}

boost::asio::awaitable<Result<void>> Guests::prepare(HookRequest request) {
    const auto life = membership_.life();
    if (!life) co_return not_joined(membership_.own());
    // The same call comes for a cold start, a restore and an incoming guest (R1): only what `migrate begin` announced
    // is let in by the token of a relocation, everything else must win a residency.
    const auto* residency = incoming(request.guest);
    // Whichever prepare comes first uses up both announcements: of a restore and an incoming guest at once, which are
    // not told apart here, neither gets the token.
    const bool is_restore = restoring_.erase(request.guest) > 0;
    const bool is_announced = residency != nullptr && announced_.erase(residency->relocation->run) > 0;
    if (is_announced && !is_restore) co_return co_await admit_incoming(request.guest);

    auto definition = parse_domain_xml(request.xml);
    if (!definition) co_return std::unexpected(definition.error());
    // Looked for whether or not the `restore` before was heard.
    const auto image = saved_image(request.guest);
    if (!image) co_return std::unexpected(image.error());
    const auto run = RunId::random();
    starting_.insert(run);
    if (!doors_are_asked()) unguarded_.insert(run);
    if (mutated(Mutation::kRightBeforeCommit))
        co_return co_await guard_.grant(request.guest, definition->record.uuid, run, RightKind::kStart,
                                        timing_.right_lifetime);
    auto result = co_await view_.commit([start = StartRequest{request.guest, *life, run, definition->record, *image}](
                                            const ClusterState& state) { return decide_start(state, start); });
    if (result)
        result = co_await guard_.grant(request.guest, definition->record.uuid, run, RightKind::kStart,
                                       timing_.right_lifetime);
    starting_.erase(run);
    // What was committed without a right, or granted without an answer, is found and undone by reconcile().
    poke();
    co_return result;
}

boost::asio::awaitable<Result<void>> Guests::announce_incoming(GuestName guest) {
    // So that an image that is here when a guest ends here is of that very run, and that no restore is taken for it.
    const auto image = saved_image(guest);
    if (!image) co_return std::unexpected(image.error());
    if (!image->empty()) co_return stale_image(guest, membership_.own(), "it is not moved there");
    // BeginRelocation is committed before libvirt is called, but this mirror may be a little behind.
    const auto deadline = clock_.now() + timing_.hook * 3 / 4;
    while (incoming(guest) == nullptr && clock_.now() < deadline) {
        const auto seen = view_.changed().count();
        co_await clock_.wait_change(view_.changed(), seen, deadline - clock_.now());
    }
    const auto* residency = incoming(guest);
    if (residency == nullptr)
        co_return failure(ErrorCode::kNoRight,
                          std::format("guest {} is not being relocated to this member by the cluster", guest.str()),
                          guest.str(), std::format("ssictl relocate move {} {}", guest.str(), membership_.own().str()));
    announced_.insert(residency->relocation->run);
    co_return Result<void>{};
}

boost::asio::awaitable<Result<void>> Guests::admit_incoming(GuestName guest) {
    const auto* residency = incoming(guest);
    const auto relocation = *residency->relocation;
    if (relocation.abort_requested || cancelled_.contains(relocation.run) || view_.state().is_over(residency->home))
        co_return failure(ErrorCode::kRelocationCancelled,
                          std::format("the relocation of guest {} is being undone", guest.str()), guest.str());
    co_return co_await guard_.grant(guest, residency->uuid, relocation.run, RightKind::kIncoming,
                                    timing_.right_lifetime);
}

boost::asio::awaitable<Result<void>> Guests::start_was_given_up(GuestName guest) {
    // libvirt calls this also after a refused start of a guest that runs elsewhere: only a right of our own, not yet
    // used by any QEMU, is taken back, by its run (SAFETY 18). An announced restore stays announced: this end may be
    // that of another start.
    auto rights = co_await guard_.rights();
    if (rights) {
        for (const auto& right : *rights) {
            if (right.guest != guest || right.kind != RightKind::kStart || right.state != RightState::kGranted)
                continue;
            if (auto revoked = co_await guard_.revoke(guest, right.run, false); !revoked)
                log::warning("cannot take back a right", revoked.error());
        }
    }
    poke();
    co_return Result<void>{};
}

}  // namespace ssi::cluster
