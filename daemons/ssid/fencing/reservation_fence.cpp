#include "daemons/ssid/fencing/reservation_fence.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <format>
#include <utility>

namespace ssi::cluster {

namespace {

bool is_same(const WriteFence::Request& one, const WriteFence::Request& other) {
    return one.target == other.target && one.registration == other.registration;
}

}  // namespace

std::vector<std::filesystem::path> reserved_volumes(const SystemConfig& config, const FenceConfig& fence) {
    std::vector<std::filesystem::path> volumes{config.pdr.device.lexically_normal()};
    for (const auto& volume : fence.volumes)
        if (!std::ranges::contains(volumes, volume)) volumes.push_back(volume);
    return volumes;
}

ReservationFence::ReservationFence(const SystemConfig& config, const FenceConfig& fence,
                                   std::shared_ptr<scsi::Paths> paths)
    : name_(fence.name),
      volumes_(reserved_volumes(config, fence)),
      all_disks_(fence.all_disks),
      timeout_(fence.timeout),
      members_(config.members),
      scheme_(config.cluster_uuid),
      paths_(std::move(paths)) {}

Result<ReservationFence::Work> ReservationFence::work_for(const Request& request) const {
    const auto slot_of = [&](const MemberName& name) {
        const auto found = std::ranges::find(members_, name, &MemberConfig::name);
        return found == members_.end() ? MemberSlot{} : found->slot;
    };
    const auto own = slot_of(request.by.member);
    const auto target = slot_of(request.target.member);
    if (own == MemberSlot{} || target == MemberSlot{})
        return failure(ErrorCode::kMemberUnknown, std::format("{} has no slot", request.target.member.str()),
                       request.target.member.str(), "compare the members' system.toml: ssictl config diff");
    return Work{volumes_, paths_,
                scheme_,  scheme_.key(own, request.by.incarnation),
                target,   is_same(stopped_.request, request) ? stopped_.volumes : std::set<std::filesystem::path>{}};
}

/// Two volumes may be partitions of one disk, which is stopped whole.
std::vector<std::filesystem::path> ReservationFence::Work::each_disk_once() const {
    std::set<std::vector<std::string>> seen;
    std::vector<std::filesystem::path> disks;
    for (const auto& volume : volumes) {
        const auto under = paths->of(volume);
        if (!under || seen.insert(*under).second) disks.push_back(volume);
    }
    return disks;
}

Result<void> ReservationFence::Work::check() const {
    for (const auto& volume : each_disk_once())
        if (auto checked = ReservedVolume(volume, *paths, scheme).may_stop(own, target, stopped.contains(volume));
            !checked)
            return checked;
    return {};
}

ReservationFence::Outcome ReservationFence::Work::stop(BlockingCalls::Deadline deadline) const {
    Outcome outcome{stopped, std::nullopt};
    // First all are looked at: nothing is taken away where the whole cannot succeed.
    if (const auto checked = check(); !checked) return {stopped, checked.error()};
    for (const auto& volume : each_disk_once()) {
        if (std::chrono::steady_clock::now() >= deadline) {
            outcome.fault = Error{ErrorCode::kTimedOut, "the volumes took too long", volume.string(), ""};
            return outcome;
        }
        auto done = ReservedVolume(volume, *paths, scheme).stop(own, target, stopped.contains(volume));
        if (!done) {
            outcome.fault = done.error();
            return outcome;
        }
        outcome.stopped.insert(volume);
    }
    return outcome;
}

boost::asio::awaitable<BlockingCalls*> ReservationFence::calls() {
    if (!calls_) calls_.emplace(co_await boost::asio::this_coro::executor, 1);
    co_return &*calls_;
}

std::chrono::milliseconds ReservationFence::patience() const {
    return timeout_ * (static_cast<int>(volumes_.size()) + 1);
}

boost::asio::awaitable<Result<void>> ReservationFence::may_stop(Request request) {
    const auto work = work_for(request);
    if (!work) co_return std::unexpected(work.error());
    auto* threads = co_await calls();
    const auto checked = co_await threads->run<bool>(
        name_, "look at the reservations of " + name_, patience(),
        [work = *work](BlockingCalls::Deadline) { return work.check().transform([] { return true; }); });
    if (!checked) co_return std::unexpected(checked.error());
    co_return Result<void>{};
}

boost::asio::awaitable<Result<void>> ReservationFence::stop(Request request) {
    const auto work = work_for(request);
    if (!work) co_return std::unexpected(work.error());
    auto* threads = co_await calls();
    const auto outcome = co_await threads->run<Outcome>(
        name_, "stop the writes of " + request.target.member.str(), patience(),
        [work = *work](BlockingCalls::Deadline deadline) -> Result<Outcome> { return work.stop(deadline); });
    if (!outcome) co_return std::unexpected(outcome.error());
    stopped_ = {request, outcome->stopped};
    if (outcome->fault) co_return std::unexpected(*outcome->fault);
    co_return Result<void>{};
}

}  // namespace ssi::cluster
