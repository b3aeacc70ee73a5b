#include "daemons/ssid/fencing/covered_guests.hpp"

#include <format>

#include "daemons/ssid/guests/domain_storage.hpp"

namespace ssi::cluster {

Result<void> guests_write_only_to(const ClusterState& state, const MemberLife& life,
                                  std::span<const std::filesystem::path> volumes) {
    for (const auto& [guest, residency] : state.residencies()) {
        const auto& value = residency.value;
        const bool is_there = value.phase != Phase::kPending && value.home == life;
        const bool comes = value.relocation && value.relocation->to == life;
        if (!is_there && !comes) continue;
        const auto* definition = state.definition(guest);
        const auto checked = writes_only_to(definition == nullptr ? "" : definition->xml, volumes);
        if (!checked)
            return failure(ErrorCode::kFenceFailed,
                           std::format("reservations do not stop {}: of its guest {} {}", life.member.str(),
                                       guest.str(), checked.error().what),
                           guest.str(), "name the disk under volumes in the [[fence]], or rely on another method");
    }
    return {};
}

}  // namespace ssi::cluster
