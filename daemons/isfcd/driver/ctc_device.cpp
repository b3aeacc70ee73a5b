#include "daemons/isfcd/driver/ctc_device.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <format>
#include <utility>

namespace ssi::isfc {
namespace fs = std::filesystem;
namespace {

const fs::path kDriver = "sys/bus/ccwgroup/drivers/ctcm";
const fs::path kGroups = "sys/bus/ccwgroup/devices";
const fs::path kSubchannels = "sys/bus/ccw/devices";

std::unexpected<Error> refused(std::string what, const std::string& object, std::string remedy) {
    return failure(ErrorCode::kDeviceRefused, std::move(what), object, std::move(remedy));
}

/// What an errno of the kernel means for any of the attributes.
std::string remedy_for(int error_number, const std::string& device) {
    switch (error_number) {
        case EACCES:
        case EPERM:
        case EROFS:
            return "isfcd must be root and /sys writable for it: see isfcd.service.d/ctc.conf, then restart isfcd";
        case EAGAIN:
        case EBUSY:
            return "another program changes the device at this moment: it is tried again";
        case ENODEV:
        case ENXIO:
        case ENOENT:
            return std::format("the device went away: lscss shows {} when it is back", device);
        default:
            return "dmesg tells what the kernel saw";
    }
}

/// Online asks the adapter itself, so most reasons lie outside of this system.
std::string remedy_for_online(int error_number, const std::string& device) {
    switch (error_number) {
        case EIO:
        case ETIME:
        case ETIMEDOUT:
            return "the other side does not answer: start that system and check the cabling; it is tried again";
        case EUSERS:
            return std::format("another system holds {}: free it there", device);
        case EINVAL:
            return "check protocol in system.toml";
        default:
            return remedy_for(error_number, device);
    }
}

}  // namespace

CtcDevice::CtcDevice(std::shared_ptr<Sysfs> sysfs, CtcSubchannels subchannels, CtcSettings settings)
    : sysfs_(std::move(sysfs)), subchannels_(std::move(subchannels)), settings_(settings) {}

fs::path CtcDevice::attribute(const std::string& attribute_name) const {
    return kGroups / name() / attribute_name;
}

Result<void> CtcDevice::check_subchannel(const std::string& id) const {
    const auto directory = kSubchannels / id;
    if (!sysfs_->exists(directory))
        return refused(std::format("there is no subchannel {}", id), id,
                       std::format("lscss shows those that are there; cio_ignore -r {} if it is ignored", id));
    const auto availability = sysfs_->read(directory / "availability").value_or("good");
    if (availability != "good")
        return refused(std::format("subchannel {} cannot be used: {}", id, availability), id,
                       availability == "no path" ? "configure its channel path: lschp, chchp -c 1 CHPID"
                                                 : std::format("lscss shows its state; free {} elsewhere", id));
    const auto type = sysfs_->read(directory / "cutype").value_or("3088/");
    if (!type.starts_with("3088/"))
        return refused(std::format("subchannel {} is no channel-to-channel adapter but {}", id, type), id,
                       "mend devices in system.toml: lscss -t 3088 shows those that are");
    return {};
}

/// Error: one of the two belongs to a group that is not the wanted one.
Result<bool> CtcDevice::is_grouped() const {
    bool grouped = false;
    for (const auto& id : {subchannels_.read, subchannels_.write}) {
        const auto group = sysfs_->link_name(kSubchannels / id / "group_device");
        if (!group) continue;
        const auto first = sysfs_->link_name(kGroups / *group / "cdev0").value_or("?");
        const auto second = sysfs_->link_name(kGroups / *group / "cdev1").value_or("?");
        if (first != subchannels_.read || second != subchannels_.write)
            return refused(
                std::format("subchannel {} is in use: grouped as {},{}", id, first, second), id,
                std::format(
                    "echo 0 > /sys/bus/ccwgroup/devices/{0}/online, echo 1 > /sys/bus/ccwgroup/devices/{0}/ungroup, "
                    "or mend devices in system.toml",
                    *group));
        const auto driver = sysfs_->link_name(kGroups / *group / "driver");
        if (driver && *driver != "ctcm")
            return refused(std::format("group {} belongs to driver {}, not ctcm", *group, *driver), *group,
                           std::format("echo 1 > /sys/bus/ccwgroup/devices/{}/ungroup", *group));
        grouped = true;
    }
    return grouped;
}

Result<CtcDeviceState> CtcDevice::look() const {
    if (!sysfs_->exists(kDriver))
        return refused("the kernel's driver ctcm is not there", name(),
                       sysfs_->exists("sys/bus/ccw") ? "modprobe ctcm" : "driver = \"ctc\" is for s390x only");
    for (const auto& id : {subchannels_.read, subchannels_.write})
        if (auto checked = check_subchannel(id); !checked) return std::unexpected(checked.error());
    const auto grouped = is_grouped();
    if (!grouped) return std::unexpected(grouped.error());
    CtcDeviceState state;
    state.grouped = *grouped;
    if (!state.grouped) return state;
    state.online = sysfs_->read(attribute("online")) == "1";
    state.protocol_fits = sysfs_->read(attribute("protocol")) == std::to_string(settings_.protocol);
    if (!state.online) return state;
    state.buffer_fits = sysfs_->read(attribute("buffer")) == std::to_string(settings_.buffer);
    const auto interfaces = sysfs_->list(attribute("net"));
    if (!interfaces.empty()) state.interface = *std::ranges::min_element(interfaces);
    return state;
}

Result<void> CtcDevice::group() {
    const auto ids = std::format("{},{}", subchannels_.read, subchannels_.write);
    const int error = sysfs_->write(kDriver / "group", ids);
    if (error == 0) return {};
    const auto type_of = [&](const std::string& id) {
        return sysfs_->read(kSubchannels / id / "cutype").value_or("gone");
    };
    // The kernel has one answer for many faults: unlike types, a foreign driver, a group that was quicker.
    const auto remedy = error == EINVAL ? std::format("are both of one adapter? {} is {}, {} is {}; dmesg tells more",
                                                      subchannels_.read, type_of(subchannels_.read), subchannels_.write,
                                                      type_of(subchannels_.write))
                                        : remedy_for(error, name());
    return refused(std::format("cannot group {}: {}", ids, std::strerror(error)), name(), remedy);
}

Result<void> CtcDevice::write(const std::string& attribute_name, const std::string& value, const std::string& act) {
    const int error = sysfs_->write(attribute(attribute_name), value);
    if (error == 0) return {};
    const auto remedy = attribute_name == "online" ? remedy_for_online(error, name()) : remedy_for(error, name());
    return refused(std::format("cannot {}: {}", act, std::strerror(error)), name(), remedy);
}

Result<void> CtcDevice::set_protocol() {
    return write("protocol", std::to_string(settings_.protocol),
                 std::format("set protocol {} of {}", settings_.protocol, name()));
}

Result<void> CtcDevice::set_online(bool online) {
    return write("online", online ? "1" : "0", std::format("set {} {}", name(), online ? "online" : "offline"));
}

Result<void> CtcDevice::set_buffer() {
    return write("buffer", std::to_string(settings_.buffer),
                 std::format("set buffer {} of {}", settings_.buffer, name()));
}

Result<void> CtcDevice::ungroup() {
    return write("ungroup", "1", std::format("ungroup {}", name()));
}

}  // namespace ssi::isfc
