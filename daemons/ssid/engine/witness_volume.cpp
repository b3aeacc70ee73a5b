#include "daemons/ssid/engine/witness_volume.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <format>
#include <utility>

#include "lib/common/pdr/area_copy.hpp"

namespace ssi::cluster {

using Clock = std::chrono::steady_clock;

WitnessVolume::~WitnessVolume() {
    if (own_lock_ >= 0) ::close(own_lock_);
}

Result<void> WitnessVolume::open() {
    if (disk_) return {};
    // The kernel lets go of it when the last thread of its holder has ended: no write of an earlier ssid, hanging in
    // the disk's queue, can come after one of ours.
    const auto name = settings_.own_lock.string();
    if (own_lock_ < 0) own_lock_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (own_lock_ < 0) return system_failure("open " + name, name, errno);
    if (::flock(own_lock_, LOCK_EX | LOCK_NB) != 0)
        return failure(ErrorCode::kConflict, "an earlier ssid still waits for the PDR", name,
                       "it ends when the disk answers");
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

Result<void> WitnessVolume::fetch(MemberSlot from, Clock::time_point end) {
    const std::lock_guard guard(mutex_);
    if (auto opened = open(); !opened) return opened;
    return pdr::copy_area(*disk_, from, settings_.own, [&] { return Clock::now() >= end; });
}

}  // namespace ssi::cluster
