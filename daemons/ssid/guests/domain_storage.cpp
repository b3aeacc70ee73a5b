#include "daemons/ssid/guests/domain_storage.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <format>
#include <pugixml.hpp>
#include <string>

namespace ssi::cluster {
namespace {

/// What stands under <devices> and stores nothing.
constexpr std::array<std::string_view, 22> kStoreless{
    "emulator", "controller", "interface", "serial",    "console",  "parallel",   "channel", "input",
    "graphics", "video",      "audio",     "sound",     "hub",      "watchdog",   "rng",     "memballoon",
    "panic",    "vsock",      "iommu",     "smartcard", "redirdev", "redirfilter"};

std::unexpected<Error> elsewhere(const std::string& what) {
    return failure(ErrorCode::kFenceFailed, std::format("{} is not on the volumes of the [[fence]]", what));
}

/// The volume itself, or a partition of it, as udev names them.
bool is_on(const std::filesystem::path& volume, const std::string& source) {
    const auto path = std::filesystem::path(source).lexically_normal().string();
    if (!path.starts_with(volume.string())) return false;
    const auto rest = std::string_view(path).substr(volume.string().size());
    if (rest.empty()) return true;
    constexpr std::string_view kPart = "-part";
    return rest.starts_with(kPart) && rest.size() > kPart.size() &&
           std::ranges::all_of(rest.substr(kPart.size()), [](unsigned char c) { return std::isdigit(c) != 0; });
}

Result<void> check_disk(const pugi::xml_node& disk, std::span<const std::filesystem::path> volumes) {
    const std::string_view device = disk.attribute("device").as_string("disk");
    const std::string name = disk.child("target").attribute("dev").as_string("?");
    if (device == "cdrom" || disk.child("readonly")) return {};
    const std::string source = disk.child("source").attribute("dev").as_string();
    // With "lun" the guest speaks to the device itself, and may register there with what keys it likes.
    if (std::string_view(disk.attribute("type").as_string()) != "block" || device != "disk" ||
        disk.child("source").child("reservations"))
        return elsewhere(
            std::format("disk {}, of type {} as {},", name, disk.attribute("type").as_string("?"), device));
    if (std::ranges::any_of(volumes, [&](const auto& volume) { return is_on(volume, source); })) return {};
    return elsewhere(std::format("disk {}, {},", name, source));
}

}  // namespace

Result<void> writes_only_to(std::string_view domain_xml, std::span<const std::filesystem::path> volumes) {
    pugi::xml_document document;
    const auto domain =
        document.load_buffer(domain_xml.data(), domain_xml.size()) ? document.child("domain") : pugi::xml_node();
    if (!domain || !domain.child("devices")) return elsewhere("what its definition does not tell");
    for (const auto part : domain.children()) {
        const std::string name = part.name();
        if (name.ends_with(":commandline") || name.ends_with(":override")) return elsewhere("<" + name + ">");
    }
    if (domain.child("os").child("nvram")) return elsewhere("its NVRAM");
    for (const auto device : domain.child("devices")) {
        const std::string name = device.name();
        if (device.type() != pugi::node_element || std::ranges::contains(kStoreless, name)) continue;
        if (name != "disk") return elsewhere("<" + name + ">");
        if (auto checked = check_disk(device, volumes); !checked) return checked;
    }
    return {};
}

}  // namespace ssi::cluster
