#include "daemons/ssid/state/saved_state_rules.hpp"

#include <format>

#include "daemons/ssid/state/member_rules.hpp"
#include "daemons/ssid/state/record_keys.hpp"

namespace ssi::cluster {
namespace {

/// No run has come after the one that ended so.
bool is_of_last_run(const ClusterState& state, const SavedRecord& saved) {
    const auto* last = state.last_with(saved.uuid);
    return last != nullptr && last->run == saved.run;
}

}  // namespace

Transaction decide_saved(const ClusterState& state, const GuestName& guest, const SavedRecord& saved) {
    return {{unchanged(state, saved_key(guest))}, {{saved_key(guest), encode(saved)}}};
}

Result<Transaction> decide_discard(const ClusterState& state, const GuestName& guest) {
    if (state.saved(guest) == nullptr)
        return failure(ErrorCode::kGuestUnknown, std::format("no memory of guest {} is saved anywhere", guest.str()),
                       guest.str(), "ssictl guest show " + guest.str());
    return Transaction{{unchanged(state, saved_key(guest))}, {{saved_key(guest), std::nullopt}}};
}

Result<void> saved_state_lets_start(const ClusterState& state, const GuestName& guest, const GuestUuid& uuid,
                                    const MemberName& member) {
    const auto* saved = state.saved(guest);
    if (saved == nullptr || saved->uuid != uuid || saved->member == member || !is_of_last_run(state, *saved)) return {};
    return failure(ErrorCode::kStateSaved,
                   std::format("the memory of guest {} is saved on {}, and would be lost if it started on {}",
                               guest.str(), saved->member.str(), member.str()),
                   guest.str(),
                   std::format("ssictl guest start {} --member {}; to give it up: ssictl guest discard {}", guest.str(),
                               saved->member.str(), guest.str()));
}

Result<void> may_restore(const ClusterState& state, const GuestName& guest, const GuestUuid& uuid,
                         const MemberName& member, const std::string& image) {
    const auto* saved = state.saved(guest);
    if (saved != nullptr && saved->uuid == uuid && saved->member == member && saved->image == image &&
        is_of_last_run(state, *saved))
        return {};
    // From before the cluster: nobody here has ever started it.
    const auto* last = state.last_with(uuid);
    if (saved == nullptr && (last == nullptr || last->run == RunId())) return {};
    return stale_image(guest, member, "it is not started from that");
}

bool is_saved_by(const Residency& ended, const std::string& image) {
    return !image.empty() && (image != ended.image || ended.phase == Phase::kStarting);
}

std::unexpected<Error> stale_image(const GuestName& guest, const MemberName& member, std::string_view what) {
    return failure(ErrorCode::kSavedStateStale,
                   std::format("{} has a saved image of guest {} that is not known to be of its last run: {}",
                               member.str(), guest.str(), what),
                   guest.str(), std::format("on {}: virsh managedsave-remove {}", member.str(), guest.str()));
}

}  // namespace ssi::cluster
