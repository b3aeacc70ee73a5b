#pragma once
/// The PDR as the witness's keeper needs it: the lock, and the areas. Calls block.

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>

#include "lib/common/pdr/lock.hpp"
#include "lib/common/pdr/volume.hpp"

namespace ssi::cluster {

/// Shared by the threads that work on it; one of them at a time.
class WitnessVolume {
  public:
    struct Settings {
        std::filesystem::path device;
        pdr::ClusterIdentity cluster;
        MemberSlot own;
        std::filesystem::path own_lock;  ///< A local file: held by the one process that works on it.
    };
    explicit WitnessVolume(Settings settings) : settings_(std::move(settings)) {}
    ~WitnessVolume();
    WitnessVolume(const WitnessVolume&) = delete;
    WitnessVolume& operator=(const WitnessVolume&) = delete;

    struct View {
        pdr::LockRecord lock;
        int areas = 0;  ///< Slots from 1 on that have one.
    };
    /// Errors: those of opening, checking the label and reading; kConflict: an earlier ssid still hangs on it.
    [[nodiscard]] Result<View> look();
    /// Errors: as PdrLock::decide. Of what is decided after `end` nobody would know: then it gives up before.
    [[nodiscard]] Result<pdr::LockRecord> decide(const pdr::PdrLock::Next& next,
                                                 std::chrono::steady_clock::time_point end);
    /// Errors: as pdr::copy_area.
    [[nodiscard]] Result<void> fetch(MemberSlot from, std::chrono::steady_clock::time_point end);

  private:
    [[nodiscard]] Result<void> open();

    Settings settings_;
    std::mutex mutex_;
    int own_lock_ = -1;
    std::unique_ptr<pdr::Disk> disk_;
};

}  // namespace ssi::cluster
