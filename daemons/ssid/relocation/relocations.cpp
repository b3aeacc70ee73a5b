#include "daemons/ssid/relocation/relocations.hpp"

#include <algorithm>
#include <chrono>
#include <format>
#include <utility>

#include "daemons/ssid/gate/spawn.hpp"
#include "daemons/ssid/state/member_rules.hpp"
#include "daemons/ssid/state/record_keys.hpp"
#include "daemons/ssid/state/relocation_rules.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;

/// libvirt says that the move succeeded: the destination has this long to commit Done before it is asked to decide.
constexpr auto kDonePatience = 20s;
constexpr auto kLook = 500ms;

ServiceName migration_service(const RunId& run) {
    return ServiceName::parse("migration-" + run.str()).value();
}

}  // namespace

Relocations::Relocations(Membership& membership, ClusterView& view, GuardLink& guard, Hypervisor& hypervisor,
                         IsfcLink& isfc, Clock& clock, const boost::asio::any_io_executor& executor)
    : membership_(membership),
      view_(view),
      guard_(guard),
      hypervisor_(hypervisor),
      isfc_(isfc),
      clock_(clock),
      executor_(executor) {}

bool Relocations::is_open(const GuestName& guest, const RunId& run) const {
    const auto* residency = view_.state().residency(guest);
    return residency != nullptr && residency->relocation && residency->relocation->run == run;
}

boost::asio::awaitable<Result<MoveRecord>> Relocations::move(GuestName guest, MemberName to) {
    const auto run = RunId::random();
    auto begun = co_await view_.commit(
        [&](const ClusterState& state) { return decide_begin_relocation(state, guest, to, run); });
    if (!begun) co_return std::unexpected(begun.error());
    // The record of the move is written last, by the source; if that dies, the residency alone tells.
    auto patience = 10s;
    while (true) {
        const auto seen = view_.changed().count();
        const auto& moves = view_.state().moves();
        if (const auto found = moves.find(guest); found != moves.end() && found->second.value.run == run)
            co_return found->second.value;
        if (!is_open(guest, run)) {
            if (patience <= 0s) break;
            patience -= 1s;
        }
        co_await clock_.wait_change(view_.changed(), seen, 1s);
    }
    const auto* residency = view_.state().residency(guest);
    MoveRecord record{{}, to, run, "failed", 0, 0, "the source member was lost during the move"};
    if (residency != nullptr && residency->home.member == to && residency->run == run) {
        record.outcome = "moved";
        record.reason = "the source member was lost after the move";
    }
    co_return record;
}

boost::asio::awaitable<void> Relocations::run() {
    while (true) {
        const auto seen = view_.changed().count();
        if (const auto& life = membership_.life()) {
            for (const auto& [guest, residency] : view_.state().residencies()) {
                const auto& value = residency.value;
                if (!value.relocation || value.home != *life || !under_way_.insert(guest).second) continue;
                gate::spawn(executor_, carry_out(guest, value));
            }
        }
        co_await clock_.wait_change(view_.changed(), seen, 5s);
    }
}

boost::asio::awaitable<void> Relocations::carry_out(GuestName guest, Residency residency) {
    const auto relocation = *residency.relocation;
    const auto& to = relocation.to.member;
    log::notice(std::format("relocating guest {} to {}", guest.str(), to.str()),
                {{"SSI_GUEST", guest.str()}, {"SSI_MEMBER", to.str()}});
    auto times = co_await migrate(guest, residency);
    // Neither a success nor a failure of the call is the truth: only the destination's door knows (DESIGN.md section
    // 7).
    co_await wait_closed(guest, relocation.run, times ? std::chrono::milliseconds(kDonePatience) : 0ms);
    if (auto forgotten = co_await isfc_.forget(to, migration_service(relocation.run)); !forgotten)
        log::info("the migration's socket stays until isfcd restarts: " + forgotten.error().text());

    const auto* now = view_.state().residency(guest);
    const bool moved = now != nullptr && now->run == relocation.run;
    if (!moved && now != nullptr && now->run == residency.run)
        if (auto kept = co_await guard_.keep(guest, residency.run); !kept)
            log::warning("cannot take back a hand-over", kept.error());
    MoveRecord record{residency.home.member, to, relocation.run, moved ? "moved" : "failed", 0, 0, ""};
    if (times) {
        record.total_ms = times->total.count();
        record.down_ms = times->down.count();
    } else {
        record.reason = times.error().text();
    }
    auto recorded = co_await view_.commit([&](const ClusterState& state) -> Result<Transaction> {
        return Transaction{{unchanged(state, move_key(guest))}, {{move_key(guest), encode(record)}}};
    });
    if (!recorded) log::warning("cannot record how the move ended", recorded.error());
    log::notice(std::format("relocation of guest {} to {}: {}", guest.str(), to.str(),
                            moved ? "moved" : "failed: " + record.reason),
                {{"SSI_GUEST", guest.str()}, {"SSI_MEMBER", to.str()}});
    under_way_.erase(guest);
    // The next move of this guest may have been waiting for this one's end.
    view_.changed().notify();
}

boost::asio::awaitable<Result<MigrationTimes>> Relocations::migrate(GuestName guest, Residency residency) {
    const auto& relocation = *residency.relocation;
    const auto& to = relocation.to.member;
    if (relocation.abort_requested)
        co_return failure(ErrorCode::kRelocationCancelled, "the relocation was cancelled", guest.str());
    auto rights = co_await guard_.rights();
    if (!rights) co_return std::unexpected(rights.error());
    const auto right = std::ranges::find(*rights, residency.run, &Right::run);
    // A paused guest would arrive paused, and nobody would ask the destination's door.
    if (right == rights->end() || (right->state != RightState::kAcquired && right->state != RightState::kHandedOver))
        co_return failure(ErrorCode::kGuestNotRunning, std::format("guest {} is paused", guest.str()), guest.str(),
                          "resume it first: virsh resume " + guest.str());
    if (auto armed = co_await guard_.hand_over(guest, residency.run); !armed) co_return std::unexpected(armed.error());
    // ssid was restarted in the middle: the migration of its former self goes on, or has ended.
    auto domains = co_await hypervisor_.domains();
    if (!domains) co_return std::unexpected(domains.error());
    const auto domain = std::ranges::find(*domains, guest, &DomainInfo::name);
    if (domain != domains->end() && domain->migrating_out) {
        if (auto ended = co_await wait_for_job_end(guest); !ended) co_return std::unexpected(ended.error());
        co_return MigrationTimes{};
    }
    // The door cannot see the pause of a guest without disks, nor one since the hand-over.
    if (domain == domains->end() || domain->state != DomainState::kRunning)
        co_return failure(ErrorCode::kGuestNotRunning, std::format("guest {} is paused", guest.str()), guest.str(),
                          "resume it first: virsh resume " + guest.str());
    const auto service = migration_service(relocation.run);
    if (auto expected = co_await isfc_.expect(to, service); !expected) co_return std::unexpected(expected.error());
    co_return co_await hypervisor_.migrate(
        {guest, to, std::format("qemu+unix:///system?socket=/run/ssi/isfc/{}/libvirt", to.str()),
         std::format("unix:///run/ssi/isfc/{}/{}", to.str(), service.str())});
}

boost::asio::awaitable<Result<void>> Relocations::wait_for_job_end(GuestName guest) {
    while (true) {
        auto domains = co_await hypervisor_.domains();
        if (!domains) co_return std::unexpected(domains.error());
        const auto domain = std::ranges::find(*domains, guest, &DomainInfo::name);
        if (domain == domains->end() || !domain->migrating_out) co_return Result<void>{};
        co_await clock_.sleep(kLook);
    }
}

boost::asio::awaitable<void> Relocations::wait_closed(GuestName guest, RunId run, std::chrono::milliseconds patience) {
    auto deadline = clock_.now() + patience;
    while (is_open(guest, run)) {
        const auto seen = view_.changed().count();
        if (clock_.now() >= deadline) {
            auto asked = co_await view_.commit(
                [&](const ClusterState& state) { return decide_request_abort(state, guest, run); });
            if (!asked) log::warning("cannot ask for the undoing of a move", asked.error());
            deadline = clock_.now() + 1s;
            if (!is_open(guest, run)) break;
        }
        co_await clock_.wait_change(view_.changed(), seen,
                                    std::max<std::chrono::milliseconds>(deadline - clock_.now(), 10ms));
    }
}

}  // namespace ssi::cluster
