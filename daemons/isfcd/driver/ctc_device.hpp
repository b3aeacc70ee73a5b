#pragma once
/// A channel-to-channel adapter in sysfs: two subchannels that the kernel's ctcm makes one network device.

#include <filesystem>
#include <memory>
#include <string>

#include "daemons/isfcd/driver/sysfs.hpp"
#include "lib/common/error.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::isfc {

/// What there is of the adapter.
struct CtcDeviceState {
    bool grouped = false;
    bool online = false;
    bool protocol_fits = false;  ///< Meaningful once grouped.
    bool buffer_fits = false;    ///< Meaningful once online.
    std::string interface;       ///< "ctc0"; empty unless online.
};

/// Blocking: one thread at a time, and not that of an event loop (set_online(true) takes 21 s while the other system is
/// down). Every error is kDeviceRefused with what can be done about it.
class CtcDevice {
  public:
    /// `driver` is the ccwgroup driver that makes network devices of them.
    CtcDevice(std::shared_ptr<Sysfs> sysfs, CtcSubchannels subchannels, CtcSettings settings);

    /// Looks only. Error: what an administrator has to mend first: module, subchannel, foreign group.
    [[nodiscard]] Result<CtcDeviceState> look() const;

    // Each does one thing, in the order in which they are needed; what is so already is no error.
    [[nodiscard]] Result<void> group();
    [[nodiscard]] Result<void> set_protocol();           ///< While offline.
    [[nodiscard]] Result<void> set_online(bool online);  ///< Offline: its interface must be down.
    [[nodiscard]] Result<void> set_buffer();             ///< While online, with the interface down.
    [[nodiscard]] Result<void> ungroup();                ///< While offline.

    /// "0.0.0600": the name of the group is that of its first subchannel.
    [[nodiscard]] const std::string& name() const { return subchannels_.read; }

  private:
    [[nodiscard]] Result<void> check_subchannel(const std::string& id) const;
    [[nodiscard]] Result<bool> is_grouped() const;
    [[nodiscard]] Result<void> write(const std::string& attribute, const std::string& value, const std::string& act);
    [[nodiscard]] std::filesystem::path attribute(const std::string& name) const;

    std::shared_ptr<Sysfs> sysfs_;
    CtcSubchannels subchannels_;
    CtcSettings settings_;
};

}  // namespace ssi::isfc
