#pragma once
/// Rules about the cluster's configuration: what all members' system.toml have to say, and what becomes of a member
/// whose file says something else. Pure.

#include "daemons/ssid/state/member_rules.hpp"
#include "lib/common/config/shared.hpp"

namespace ssi::cluster {

/// May a member that was started with this configuration be admitted? Yes with the cluster's, and with what every
/// member that is up has in its file already. While no other is up it may bring a new file, but not the one that it had
/// when others were given the cluster's. Refused (kConfigDiffers) with the keys in which it differs from the cluster's.
[[nodiscard]] Result<void> may_join_with(const ClusterState& state, const MemberName& member,
                                         const SharedConfig& running);

/// What all members that are up have in their file and run with is the cluster's configuration: the first member
/// commits it so, and the last of those whose file was changed by hand. No writes while they differ, or while one has
/// not said what it runs with.
[[nodiscard]] Result<Transaction> decide_config_agreed(const ClusterState& state, const MemberName& by,
                                                       const SharedConfig& running);

/// `ssictl config push`: this is the cluster's configuration from now on. Refused (kMemberNotJoined) when `by` is not
/// Joined, unless `force`: then it is an operator's word, for a cluster of which no member is up.
[[nodiscard]] Result<Transaction> decide_config(const ClusterState& state, const MemberName& by,
                                                const SharedConfig& config, bool force);

/// What a member has to say of itself. No writes when it said so already.
[[nodiscard]] Result<Transaction> decide_config_report(const ClusterState& state, const MemberName& member,
                                                       const MemberConfigRecord& record);

/// What an administrator should know: the file (none: it has problems) differs from the cluster's, or is not in effect.
[[nodiscard]] std::string config_note(const ClusterState& state, const SharedConfig& running,
                                      const std::optional<SharedConfig>& file);

/// May a member be taken out of the file, get another name, or give its slot to another machine? Only one that has left
/// or is proved dead, and to whom no guest belongs. Errors: kMemberAlive, kFenceOpen, kMemberHasGuests.
[[nodiscard]] Result<void> may_change_member(const ClusterState& state, const MemberName& member);

/// May a host be booted again in order? Refused (kMemberHasGuests) while a guest runs there or is on its way.
[[nodiscard]] Result<void> may_reboot(const ClusterState& state, const MemberName& member);

}  // namespace ssi::cluster
