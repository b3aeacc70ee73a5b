#include "daemons/ssid/fencing/reservation_report.hpp"

#include <algorithm>
#include <format>

namespace ssi::cluster {
namespace {

/// "MEMBER1 (incarnation 7)", "slot 5 (incarnation 2)", "a stranger (0x...)".
std::string owner_text(scsi::ReservationKey key, const scsi::KeyScheme& scheme, const SystemConfig& config) {
    const auto owner = scheme.owner(key);
    if (!owner) return std::format("a stranger ({})", scsi::text_of(key));
    const auto member = std::ranges::find(config.members, owner->slot, &MemberConfig::slot);
    const auto name =
        member == config.members.end() ? std::format("slot {}", owner->slot.number()) : member->name.str();
    return std::format("{} (incarnation {})", name, owner->incarnation);
}

}  // namespace

VolumeReport report_volume(const VolumeFacts& facts, const SystemConfig& config, const MemberName& target) {
    const scsi::KeyScheme scheme(config.cluster_uuid);
    const auto* entry = config.find(target);
    std::string registered;
    bool has_target = false;
    bool has_stranger = false;
    for (const auto key : facts.keys) {
        registered += std::format("{}{}", registered.empty() ? "" : ", ", owner_text(key, scheme, config));
        const auto owner = scheme.owner(key);
        has_stranger = has_stranger || !owner;
        has_target = has_target || (owner && entry != nullptr && owner->slot == entry->slot);
    }
    VolumeReport report;
    const auto wants = [&](std::string_view what) {
        report.says += std::format("{}{}", report.says.empty() ? "" : ", ", what);
    };
    if (!has_target) wants(std::format("{} is not registered", target.str()));
    if (has_stranger) wants("somebody is registered who is no member");
    if (!facts.is_reserved()) wants("it is not reserved for those that are registered");
    report.ok = report.says.empty();
    report.says += std::format("{}registered: {}; reserved: {}; by {}", report.ok ? "" : "; ",
                               registered.empty() ? "nobody" : registered,
                               facts.reservation ? scsi::text_of(facts.reservation->type) : "no", facts.path);
    return report;
}

}  // namespace ssi::cluster
