#pragma once
/// This member's beat on the PDR: every interval it reads all slots and writes its own.

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include "daemons/ssid/gate/guard_link.hpp"
#include "lib/common/pdr/volume.hpp"

namespace ssi::gate {

/// Works on a thread of its own, which hangs as long as the disk does and holds up nothing else. Used on one
/// io_context, which must outlive it; a thread that hangs may outlive both, and what it brings home is dropped.
class PdrBeat {
  public:
    struct Volume {
        std::unique_ptr<pdr::Disk> disk;
        pdr::Label label;
    };
    /// Opens the volume and checks whose it is; called on the thread, again after each failure.
    using OpenVolume = std::function<Result<Volume>()>;

    struct Settings {
        OpenVolume open;
        pdr::ClusterId cluster{};
        MemberSlot slot;
        std::chrono::milliseconds interval{};
    };

    /// Begins at once. `on_pass` is called on the executor after each pass.
    PdrBeat(boost::asio::any_io_executor executor, Settings settings, pdr::SlotRecord record,
            std::function<void(const cluster::PdrPass&)> on_pass);
    /// Does not wait for the thread.
    ~PdrBeat();
    PdrBeat(const PdrBeat&) = delete;
    PdrBeat& operator=(const PdrBeat&) = delete;

    /// What the slot says from the next write on.
    void set(const pdr::SlotRecord& record);

  private:
    struct Shared;
    std::shared_ptr<Shared> shared_;
};

}  // namespace ssi::gate
