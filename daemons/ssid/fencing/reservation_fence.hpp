#pragma once
/// The WriteFence by SCSI-3 persistent reservations: [[fence]] with method "reservations".

#include <memory>
#include <optional>
#include <set>

#include "daemons/ssid/fencing/reserved_volume.hpp"
#include "daemons/ssid/fencing/write_fence.hpp"
#include "lib/common/blocking_calls.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::cluster {

/// The PDR's device, then those that the [[fence]] names.
[[nodiscard]] std::vector<std::filesystem::path> reserved_volumes(const SystemConfig& config, const FenceConfig& fence);

/// Takes the target's keys away on the PDR and all volumes named, and reads back that they are gone. A target of which
/// a volume knows no key was stopped there only if this object did it, under the same registration: else nobody knows
/// what it has sent. Used on one io_context; commands run on a thread of their own.
class ReservationFence final : public WriteFence {
  public:
    ReservationFence(const SystemConfig& config, const FenceConfig& fence, std::shared_ptr<scsi::Paths> paths);
    [[nodiscard]] const std::string& name() const override { return name_; }
    [[nodiscard]] const std::vector<std::filesystem::path>& volumes() const override { return volumes_; }
    [[nodiscard]] bool covers_all_disks() const override { return all_disks_; }
    boost::asio::awaitable<Result<void>> may_stop(Request request) override;
    boost::asio::awaitable<Result<void>> stop(Request request) override;

  private:
    struct Stopped {
        Request request;
        std::set<std::filesystem::path> volumes;
    };
    struct Outcome {
        std::set<std::filesystem::path> stopped;
        std::optional<Error> fault;
    };
    using Paths = std::shared_ptr<scsi::Paths>;
    /// What is done to all volumes, on the thread.
    struct Work {
        std::vector<std::filesystem::path> volumes;
        Paths paths;
        scsi::KeyScheme scheme;
        scsi::ReservationKey own;
        MemberSlot target;
        std::set<std::filesystem::path> stopped;

        [[nodiscard]] Result<void> check() const;
        [[nodiscard]] Outcome stop(BlockingCalls::Deadline deadline) const;
        [[nodiscard]] std::vector<std::filesystem::path> each_disk_once() const;
    };
    [[nodiscard]] Result<Work> work_for(const Request& request) const;
    boost::asio::awaitable<BlockingCalls*> calls();
    [[nodiscard]] std::chrono::milliseconds patience() const;

    std::string name_;
    std::vector<std::filesystem::path> volumes_;
    bool all_disks_;
    std::chrono::milliseconds timeout_;
    std::vector<MemberConfig> members_;
    scsi::KeyScheme scheme_;
    Paths paths_;
    std::optional<BlockingCalls> calls_;
    Stopped stopped_;
};

}  // namespace ssi::cluster
