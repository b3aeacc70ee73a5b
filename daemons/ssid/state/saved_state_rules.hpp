#pragma once
/// Rules about a guest whose memory is saved on one member (virsh managedsave). libvirt alone sees to it that such a
/// guest starts from its image and never without; that it is so in a cluster too is seen to here. Pure, as guest_rules.

#include "daemons/ssid/state/cluster_state.hpp"

namespace ssi::cluster {

/// Its memory is saved since `saved.run` has ended.
[[nodiscard]] Transaction decide_saved(const ClusterState& state, const GuestName& guest, const SavedRecord& saved);

/// The image is no more, or nobody wants it: the guest may start anywhere. Refused (kGuestUnknown) if none is known.
[[nodiscard]] Result<Transaction> decide_discard(const ClusterState& state, const GuestName& guest);

/// Whether a guest may start on `member`. Refused (kStateSaved) while its memory is saved on another one.
[[nodiscard]] Result<void> saved_state_lets_start(const ClusterState& state, const GuestName& guest,
                                                  const GuestUuid& uuid, const MemberName& member);

/// Whether libvirt on `member` may restore the guest from the managed save image that it has there. Refused
/// (kSavedStateStale) when the cluster has seen the guest run since, or cannot tell.
[[nodiscard]] Result<void> may_restore(const ClusterState& state, const GuestName& guest, const GuestUuid& uuid,
                                       const MemberName& member, const std::string& image);

/// The image that is there when a run has ended is that run's, or still the one that it was to start from; not one that
/// a run has passed over. `image`: as it is now; empty: there is none.
[[nodiscard]] bool is_saved_by(const Residency& ended, const std::string& image);

/// The refusal of an old image; `what` is not done because of it.
[[nodiscard]] std::unexpected<Error> stale_image(const GuestName& guest, const MemberName& member,
                                                 std::string_view what);

}  // namespace ssi::cluster
