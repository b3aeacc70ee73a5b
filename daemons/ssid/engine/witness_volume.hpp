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
        int areas = 0;  ///< Slots from 1 on that have one.
    };
    /// Errors: those of opening, checking the label and reading; kConflict: an earlier ssid still hangs on it.
    [[nodiscard]] Result<View> look();
    /// Errors: as PdrLock::decide. Of what is decided after `end` nobody would know: then it gives up before.
    [[nodiscard]] Result<pdr::LockRecord> decide(const pdr::PdrLock::Next& next,
                                                 std::chrono::steady_clock::time_point end);
    /// Errors: as pdr::copy_area.
    [[nodiscard]] Result<void> fetch(MemberSlot from, std::chrono::steady_clock::time_point end);

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

    Settings settings_;
    std::mutex mutex_;
    pdr::WriterLock own_lock_;
    std::unique_ptr<pdr::Disk> disk_;
};

}  // namespace ssi::cluster
