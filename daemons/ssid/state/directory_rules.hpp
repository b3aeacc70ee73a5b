#pragma once
/// Rules of the directory: what its entries may become (DESIGN.md section 2, docs/directory.md). Pure, as guest_rules.
/// Every change says which version it was made from; if the directory has another by then it is refused, so that of two
/// changes none is lost unseen (R3).

#include "daemons/ssid/state/cluster_state.hpp"

namespace ssi::cluster {

/// So many versions of a guest can be read again.
inline constexpr std::uint64_t kKeptVersions = 20;
/// A definition of more bytes is refused: the engine takes no larger transaction (etcd --max-request-bytes).
inline constexpr std::size_t kLargestDefinition = 512 << 10;

/// A definition, new or changed.
struct DefinitionChange {
    GuestName guest;
    std::uint64_t base = 0;      ///< The version that it was made from; 0: there was none.
    DirectoryRecord definition;  ///< Its version is not looked at; `change` is who wants it.
};

/// That of the next change of this guest.
[[nodiscard]] std::uint64_t next_version(const ClusterState& state, const GuestName& guest);

/// Whether a change made from this version may be made; none: from whichever there is. Error: kDefinitionChanged.
[[nodiscard]] Result<void> check_base(const ClusterState& state, const GuestName& guest,
                                      std::optional<std::uint64_t> base);

/// The entry as the change has it, under the next version. No writes: it stands there so already. Refused:
/// kDefinitionChanged, kGuestUuidDiffers (the guest has another, or another guest has it), kDefinitionInvalid.
[[nodiscard]] Result<Transaction> decide_define(const ClusterState& state, const DefinitionChange& change);

/// No entry any more. Refused: kDefinitionChanged, kGuestUnknown, kGuestBusy while it runs or is to run anywhere.
[[nodiscard]] Result<Transaction> decide_undefine(const ClusterState& state, const GuestName& guest, std::uint64_t base,
                                                  const OperatorWord& change);

}  // namespace ssi::cluster
