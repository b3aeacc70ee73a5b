#include "tools/ssictl/pdr_place.hpp"

#include <algorithm>
#include <format>
#include <thread>
#include <utility>

namespace ssi::ctl {

Result<OpenedPdr> open_pdr(const PdrPlace& place, pdr::DiskAccess access) {
    auto config = load_system_config(place.config);
    if (!config) return std::unexpected(config.error());
    const auto device = place.device.empty() ? config->pdr.device : place.device;
    if (device.empty())
        return failure(ErrorCode::kConfigInvalid, std::format("{} names no PDR", place.config.string()),
                       place.config.string(), "add [pdr] with device = \"/dev/disk/by-id/...\", or give --device");
    const auto uuid = GuestUuid::parse(config->cluster_uuid);
    if (!uuid) return std::unexpected(uuid.error());
    auto disk = pdr::DirectDisk::open(device, access);
    if (!disk) return std::unexpected(disk.error());
    pdr::ClusterIdentity cluster{config->cluster, pdr::cluster_id(*uuid)};
    return OpenedPdr{*std::move(config), std::move(cluster), *std::move(disk)};
}

Result<void> nobody_writes(pdr::Disk& disk, std::chrono::milliseconds watch) {
    const auto found = pdr::inspect(disk);
    if (!found) return std::unexpected(found.error());
    if (!found->label) return {};
    const auto before = pdr::read_slots(disk, found->cluster);
    if (!before) return std::unexpected(before.error());
    if (std::ranges::none_of(*before, [](const auto& slot) { return slot.sign || slot.fault; })) return {};
    std::this_thread::sleep_for(watch);  // no event tells of another host's write
    const auto after = pdr::read_slots(disk, found->cluster);
    if (!after) return std::unexpected(after.error());
    for (std::size_t i = 0; i < before->size(); ++i) {
        const auto& sign = (*after)[i].sign;
        if (!sign || ((*before)[i].sign && (*before)[i].sign->counter == sign->counter)) continue;
        return failure(ErrorCode::kPdrForeign,
                       std::format("{} of cluster {} is writing to {} now", sign->record.member.str(),
                                   found->label->cluster, disk.name()),
                       disk.name(), "stop ssi-guard on all its members first");
    }
    return {};
}

}  // namespace ssi::ctl
