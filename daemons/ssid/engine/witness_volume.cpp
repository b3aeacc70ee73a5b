#include "daemons/ssid/engine/witness_volume.hpp"

#include <format>
#include <utility>

#include "lib/common/pdr/area_copy.hpp"

namespace ssi::cluster {

using Clock = std::chrono::steady_clock;

Result<void> WitnessVolume::open() {
    if (disk_) return {};
    if (auto ours = own_lock_.take(); !ours) return ours;
    auto disk = pdr::DirectDisk::open(settings_.device, pdr::DiskAccess::kReadWrite);
    if (!disk) return std::unexpected(disk.error());
    if (auto label = pdr::check_label(**disk, settings_.cluster); !label) return std::unexpected(label.error());
    disk_ = std::move(*disk);
    return {};
}

Result<WitnessVolume::View> WitnessVolume::look() {
    const std::lock_guard guard(mutex_);
    if (auto opened = open(); !opened) return std::unexpected(opened.error());
    auto state = pdr::PdrLock(*disk_, settings_.cluster.id, settings_.own).read();
    if (!state) {
        if (state.error().code == ErrorCode::kPdrUnreadable) disk_.reset();  // another path may lead to it by now
        return std::unexpected(state.error());
    }
    return View{std::move(state->latest), pdr::witness_areas_on(disk_->size())};
}

Result<pdr::LockRecord> WitnessVolume::decide(const pdr::PdrLock::Next& next, Clock::time_point end) {
    const std::lock_guard guard(mutex_);
    if (auto opened = open(); !opened) return std::unexpected(opened.error());
    const auto in_time = [&](const pdr::LockRecord& current) -> Result<std::optional<pdr::LockRecord>> {
        if (Clock::now() >= end)
            return failure(ErrorCode::kTimedOut, "the PDR was too slow", settings_.device.native());
        return next(current);
    };
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    return pdr::PdrLock(*disk_, settings_.cluster.id, settings_.own).decide(in_time, pdr::patient_for(left));
}

Result<void> WitnessVolume::change_verdicts(const VerdictChange& change, Clock::time_point end) {
    const std::lock_guard guard(mutex_);
    if (auto opened = open(); !opened) return opened;
    const auto& cluster = settings_.cluster.id;
    const auto before = pdr::read_verdicts(*disk_, cluster);
    const auto slots = pdr::read_slots(*disk_, cluster);
    if (!before) return std::unexpected(before.error());
    if (!slots) return std::unexpected(slots.error());
    const auto lock = pdr::PdrLock(*disk_, cluster, settings_.own).read();
    if (!lock) return std::unexpected(lock.error());
    const auto& ours = before->by[static_cast<std::size_t>(settings_.own.number() - 1)];
    const auto next = change({*slots, lock->latest.run, ours});
    if (!next) return std::unexpected(next.error());
    if (*next == ours) return {};
    if (Clock::now() >= end) return failure(ErrorCode::kTimedOut, "the PDR was too slow", settings_.device.native());
    return pdr::write_verdicts(*disk_, cluster, settings_.own, *next);
}

Result<void> WitnessVolume::fetch(MemberSlot from, Clock::time_point end) {
    const std::lock_guard guard(mutex_);
    if (auto opened = open(); !opened) return opened;
    return pdr::copy_area(*disk_, from, settings_.own, [&] { return Clock::now() >= end; });
}

}  // namespace ssi::cluster
