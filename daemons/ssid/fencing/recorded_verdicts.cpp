#include "daemons/ssid/fencing/recorded_verdicts.hpp"

#include <algorithm>
#include <format>
#include <utility>

#include "daemons/ssid/state/member_rules.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

using boost::asio::awaitable;

constexpr std::chrono::seconds kWriteTime{5};

std::unexpected<Error> is_alive(const MemberName& target) {
    return failure(ErrorCode::kMemberAlive,
                   std::format("{} writes to the PDR, or was not watched for long enough", target.str()), target.str(),
                   "shut the host down in order, or cut its power, and try again");
}

std::string words(const pdr::Verdict& verdict, const MemberName& by) {
    return std::format("off by the word of {}, recorded on the PDR by {}", pdr::text_of(verdict.proof), by.str());
}

/// The verdict about the member whose slot still stands at `counter`, put to those that were recorded before.
Result<pdr::Verdicts> with_verdict(const MemberName& target, std::uint64_t counter, pdr::ProofKind proof,
                                   WitnessVolume::Findings found) {
    const auto slot = std::ranges::find_if(found.slots, [&](const pdr::SlotReading& reading) {
        return reading.sign && reading.sign->record.member == target;
    });
    if (slot == found.slots.end() || slot->sign->counter != counter) return is_alive(target);
    const auto& sign = *slot->sign;
    std::erase_if(found.ours, [&](const pdr::Verdict& other) { return other.member == target; });
    found.ours.push_back({target, sign.record.incarnation, sign.record.boot, sign.counter, found.run, proof});
    return std::move(found.ours);
}

}  // namespace

RecordedVerdicts::RecordedVerdicts(const MemberConfig& own, std::shared_ptr<WitnessVolume> volume,
                                   const PeerWatch& watch, const PdrWatch& pdr, ClusterView& view, Clock& clock,
                                   boost::asio::any_io_executor executor, std::chrono::milliseconds still)
    : own_(own.name),
      slot_(own.slot),
      volume_(std::move(volume)),
      watch_(watch),
      pdr_(pdr),
      view_(view),
      clock_(clock),
      calls_(std::move(executor), 1),
      still_(still) {}

std::vector<pdr::Verdict> RecordedVerdicts::ours() const {
    std::vector<pdr::Verdict> ours;
    if (!pdr_.last()) return ours;
    for (const auto& [by, verdict] : pdr_.last()->verdicts)
        if (by == slot_) ours.push_back(verdict);
    return ours;
}

bool RecordedVerdicts::has_moved(const pdr::Verdict& verdict) const {
    const auto* slot = pdr_.slot(verdict.member);
    return slot == nullptr || slot->counter != verdict.counter;
}

bool RecordedVerdicts::is_off(const pdr::LockRecord& lock) const {
    if (!lock.witness || !pdr_.is_readable(clock_.now())) return false;
    return std::ranges::any_of(ours(), [&](const pdr::Verdict& verdict) {
        return verdict.member == lock.witness->member && verdict.run == lock.run && !has_moved(verdict);
    });
}

awaitable<Result<void>> RecordedVerdicts::change(std::string what, WitnessVolume::VerdictChange change) {
    co_return co_await calls_.run<void>("the PDR", std::move(what), kWriteTime,
                                        [volume = volume_, change = std::move(change)](BlockingCalls::Deadline end) {
                                            return volume->change_verdicts(change, end);
                                        });
}

awaitable<Result<void>> RecordedVerdicts::record(MemberName target, pdr::ProofKind proof) {
    const auto* slot = pdr_.slot(target);
    if (slot == nullptr && pdr_.is_readable(clock_.now()))
        co_return failure(ErrorCode::kMemberUnknown, std::format("{} never wrote to the PDR", target.str()),
                          target.str(), "it can be declared dead only with a majority: ssictl query ssi");
    if (slot == nullptr || target == own_ || !pdr_.stands_still(target, clock_.now(), still_))
        co_return is_alive(target);
    auto add = [target, counter = slot->counter, proof](WitnessVolume::Findings found) {
        return with_verdict(target, counter, proof, std::move(found));
    };
    auto recorded = co_await change("record a verdict", std::move(add));
    if (recorded)
        log::warning(std::format("{} is off by the word of {}: recorded on the PDR, without a majority", target.str(),
                                 pdr::text_of(proof)),
                     {{"SSI_MEMBER", target.str()}});
    co_return recorded;
}

awaitable<void> RecordedVerdicts::settle() {
    if (std::exchange(under_way_, true)) co_return;
    for (const auto& verdict : ours())
        if (auto done = co_await settle_one(verdict); !done)
            log::warning("a verdict that was recorded on the PDR is not committed yet", done.error());
    under_way_ = false;
}

awaitable<Result<void>> RecordedVerdicts::settle_one(pdr::Verdict verdict) {
    const auto& target = verdict.member;
    const MemberLife life{target, verdict.incarnation};
    const auto* record = view_.state().member(target);
    // Committed; or it was a life that had not joined, of which nothing runs. It stays there: should that machine run
    // after all, its guard has to find it when it reaches the PDR again (SAFETY 6).
    const bool is_over = record == nullptr || record->incarnation != life.incarnation || view_.state().is_over(life);
    if (has_moved(verdict)) {
        if (!is_over)
            log::warning(std::format("{} was said to be off and writes to the PDR: that verdict is void", target.str()),
                         {{"SSI_MEMBER", target.str()}});
        co_return co_await forget(target);
    }
    if (is_over) co_return Result<void>{};
    if (!watch_.stands_still(view_.state(), target, clock_.now())) co_return Result<void>{};
    co_return co_await view_.commit([&, why = words(verdict, own_)](const ClusterState& state) {
        const bool moves = state.member(target)->incarnation != life.incarnation ||
                           !watch_.stands_still(state, target, clock_.now()) || has_moved(verdict);
        return decide_set_down(state, target, moves, why);
    });
}

awaitable<Result<void>> RecordedVerdicts::forget(MemberName target) {
    co_return co_await change("forget a verdict", [target](WitnessVolume::Findings found) {
        std::erase_if(found.ours, [&](const pdr::Verdict& verdict) { return verdict.member == target; });
        return Result<pdr::Verdicts>(std::move(found.ours));
    });
}

}  // namespace ssi::cluster
