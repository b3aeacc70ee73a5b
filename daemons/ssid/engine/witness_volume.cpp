#include "daemons/ssid/engine/witness_volume.hpp"

#include <format>
#include <fstream>
#include <system_error>
#include <utility>

#include "lib/common/pdr/area_copy.hpp"
#include "lib/common/pdr/succession.hpp"

namespace ssi::cluster {

using Clock = std::chrono::steady_clock;

Result<void> WitnessVolume::open() {
    if (disk_) return still_current();
    if (auto ours = own_lock_.take(); !ours) return ours;
    auto disk = pdr::DirectDisk::open(settings_.device, pdr::DiskAccess::kReadWrite);
    if (!disk) return std::unexpected(disk.error());
    auto label = pdr::check_label(**disk, settings_.cluster);
    if (!label) return std::unexpected(label.error());
    disk_ = *std::move(disk);
    label_ = *std::move(label);
    return {};
}

Result<void> WitnessVolume::still_current() {
    auto current = pdr::check_current(*disk_, settings_.cluster.id, label_);
    if (!current) disk_.reset();
    return current;
}

Result<WitnessVolume::View> WitnessVolume::look() {
    const std::lock_guard guard(mutex_);
    if (auto opened = open(); !opened) return std::unexpected(opened.error());
    auto state = pdr::PdrLock(*disk_, settings_.cluster.id, settings_.own).read();
    if (!state) {
        if (state.error().code == ErrorCode::kPdrUnreadable) disk_.reset();  // another path may lead to it by now
        return std::unexpected(state.error());
    }
    return View{std::move(state->latest), pdr::witness_areas_on(disk_->size()), label_.volume};
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
    auto decided = pdr::PdrLock(*disk_, settings_.cluster.id, settings_.own).decide(in_time, pdr::patient_for(left));
    // What is decided on a volume that was moved meanwhile binds nobody.
    if (auto current = still_current(); decided && !current) return std::unexpected(current.error());
    return decided;
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
    if (auto written = pdr::write_verdicts(*disk_, cluster, settings_.own, *next); !written) return written;
    return still_current();
}

Result<void> WitnessVolume::fetch(MemberSlot from, Clock::time_point end) {
    const std::lock_guard guard(mutex_);
    if (auto opened = open(); !opened) return opened;
    auto copied = pdr::copy_area(*disk_, from, settings_.own, [&] { return Clock::now() >= end; });
    if (!copied) return copied;
    return still_current();
}

Result<void> WitnessVolume::save(MemberSlot from, const std::filesystem::path& file, Clock::time_point end) {
    const std::lock_guard guard(mutex_);
    if (auto opened = open(); !opened) return opened;
    std::error_code error;
    std::ofstream(file).close();
    std::filesystem::resize_file(file, pdr::kWitnessArea, error);
    if (error) return system_failure("make " + file.native(), file.native(), error.value());
    auto target = pdr::DirectDisk::open(file, pdr::DiskAccess::kReadWrite);
    if (!target) return std::unexpected(target.error());
    auto saved = pdr::save_area(*disk_, from, **target, [&] { return Clock::now() >= end; });
    if (!saved) return saved;
    return still_current();
}

}  // namespace ssi::cluster
