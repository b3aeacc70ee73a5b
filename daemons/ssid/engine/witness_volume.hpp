#pragma once
/// The PDR as ssid works on it: the lock, the witness's areas, this member's verdict block. Calls block.

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>

#include "lib/common/pdr/lock.hpp"
#include "lib/common/pdr/verdict.hpp"
#include "lib/common/pdr/writer_lock.hpp"

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
    explicit WitnessVolume(Settings settings) : settings_(std::move(settings)), own_lock_(settings_.own_lock) {}

    struct View {
        pdr::LockRecord lock;
        int areas = 0;             ///< Slots from 1 on that have one.
        std::uint64_t volume = 0;  ///< Of its label: another one when it was formatted anew.
    };
    /// Errors: those of opening, checking the label and reading; kConflict: an earlier ssid still hangs on it.
    [[nodiscard]] Result<View> look();
    /// Errors: as PdrLock::decide. Of what is decided after `end` nobody would know: then it gives up before.
    [[nodiscard]] Result<pdr::LockRecord> decide(const pdr::PdrLock::Next& next,
                                                 std::chrono::steady_clock::time_point end);
    /// Errors: as pdr::copy_area.
    [[nodiscard]] Result<void> fetch(MemberSlot from, std::chrono::steady_clock::time_point end);
    /// Makes `file` a copy of an area. Errors: as pdr::save_area; kSystemFailed.
    [[nodiscard]] Result<void> save(MemberSlot from, const std::filesystem::path& file,
                                    std::chrono::steady_clock::time_point end);

    using Slots = std::array<pdr::SlotReading, pdr::kSlots>;
    /// What a change of the verdict block is made from.
    struct Findings {
        Slots slots;
        std::uint64_t run = 0;  ///< The lock's.
        pdr::Verdicts ours;     ///< What this member has recorded before.
    };
    /// What it records from now on.
    using VerdictChange = std::function<Result<pdr::Verdicts>(Findings)>;
    /// Errors: the change's own; those of the PDR; kTimedOut, and then nothing was written.
    [[nodiscard]] Result<void> change_verdicts(const VerdictChange& change, std::chrono::steady_clock::time_point end);

  private:
    [[nodiscard]] Result<void> open();
    [[nodiscard]] Result<void> still_current();

    Settings settings_;
    std::mutex mutex_;
    pdr::WriterLock own_lock_;
    std::unique_ptr<pdr::Disk> disk_;
    pdr::Label label_;  ///< Of what is open.
};

}  // namespace ssi::cluster
