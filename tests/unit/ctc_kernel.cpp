#include "tests/unit/ctc_kernel.hpp"

#include <filesystem>
#include <format>
#include <fstream>
#include <utility>

namespace ssi::test {
namespace fs = std::filesystem;
namespace {

const fs::path kGroups = "sys/bus/ccwgroup/devices";
const fs::path kSubchannels = "sys/bus/ccw/devices";
const std::string kInterface = "ctc0";

}  // namespace

CtcKernel::CtcKernel(fs::path tree) : Sysfs(std::move(tree)) {
    set("sys/bus/ccwgroup/drivers/ctcm/group", "");
    fs::create_directories(root() / kGroups);
    for (const auto* id : {"0.0.0600", "0.0.0601", "0.0.0602", "0.0.0603"}) attach(id);
}

void CtcKernel::set(const fs::path& path, std::string_view text) const {
    fs::create_directories((root() / path).parent_path());
    std::ofstream(root() / path) << text << '\n';
}

void CtcKernel::remove(const fs::path& path) const {
    fs::remove_all(root() / path);
}

void CtcKernel::attach(const std::string& id) const {
    set(kSubchannels / id / "cutype", "3088/08");
    set(kSubchannels / id / "availability", "good");
}

void CtcKernel::detach(const std::string& id) const {
    if (const auto group = link_name(kSubchannels / id / "group_device")) {
        for (const auto* end : {"cdev0", "cdev1"})
            remove(kSubchannels / link_name(kGroups / *group / end).value_or(id) / "group_device");
        remove(kGroups / *group);
    }
    remove(kSubchannels / id);
}

void CtcKernel::refuse(const std::string& attribute, std::vector<int> error_numbers) {
    const std::lock_guard lock(mutex_);
    refusals_[attribute] = std::move(error_numbers);
}

std::vector<std::string> CtcKernel::written() const {
    const std::lock_guard lock(mutex_);
    return written_;
}

int CtcKernel::write(const fs::path& path, std::string_view text) {
    const auto attribute = path.filename().string();
    const std::lock_guard lock(mutex_);
    if (auto& next = refusals_[attribute]; !next.empty()) return std::exchange(next, {next.begin() + 1, next.end()})[0];
    // The real one refuses what is not there or not writable.
    if (const int error = Sysfs::write(path, text); error != 0) return error;
    written_.push_back(std::format("{}={}", attribute, text));
    if (attribute == "group") return group(text);
    if (attribute == "online") set_online(path.parent_path(), text == "1");
    if (attribute == "ungroup") {
        if (read(path.parent_path() / "online") == "1") return EINVAL;
        for (const auto* end : {"cdev0", "cdev1"})
            remove(kSubchannels / *link_name(path.parent_path() / end) / "group_device");
        remove(path.parent_path());
        return 0;
    }
    set(path, text);
    return 0;
}

int CtcKernel::group(std::string_view ids) const {
    const auto comma = ids.find(',');
    const std::array<std::string, 2> pair{std::string(ids.substr(0, comma)), std::string(ids.substr(comma + 1))};
    for (const auto& id : pair)
        if (!exists(kSubchannels / id) || link_name(kSubchannels / id / "group_device")) return EINVAL;
    const auto made = kGroups / pair[0];
    set(made / "online", "0");
    set(made / "protocol", "0");
    set(made / "buffer", "32768");
    set(made / "ungroup", "");
    for (std::size_t i = 0; i < pair.size(); ++i) {
        fs::create_directory_symlink(root() / kSubchannels / pair[i], root() / made / std::format("cdev{}", i));
        fs::create_directory_symlink(root() / made, root() / kSubchannels / pair[i] / "group_device");
    }
    fs::create_directory_symlink(root() / "sys/bus/ccwgroup/drivers/ctcm", root() / made / "driver");
    return 0;
}

void CtcKernel::set_online(const fs::path& made, bool online) const {
    set(made / "online", online ? "1" : "0");
    set(made / "buffer", "32768");
    if (online) {
        fs::create_directories(root() / made / "net" / kInterface);
    } else {
        remove(made / "net");
    }
}

Result<isfc::PointToPointState> CtcInterfaces::look(const isfc::PointToPoint& wanted) {
    isfc::PointToPointState state;
    state.present = kernel_->exists(kGroups / "0.0.0600/net" / wanted.interface);
    if (!state.present) {  // what belonged to it went with it
        up_ = address_ = false;
        mtu_ = 0;
        return state;
    }
    state.up = up_;
    state.address_fits = address_;
    state.mtu_fits = mtu_ == wanted.mtu;
    return state;
}

Result<void> CtcInterfaces::add_address(const isfc::PointToPoint&) {
    address_ = true;
    return {};
}

Result<void> CtcInterfaces::remove_address(const isfc::PointToPoint&) {
    address_ = false;
    return {};
}

Result<void> CtcInterfaces::set_mtu(const isfc::PointToPoint& wanted) {
    mtu_ = wanted.mtu;
    return {};
}

Result<void> CtcInterfaces::set_up(const std::string&, bool up) {
    up_ = up;
    if (up) ++times_up_;
    return {};
}

}  // namespace ssi::test
