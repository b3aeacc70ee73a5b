#pragma once
/// What the cluster's keys are called (docs/architecture.md, "The cluster's keys").

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/common/names.hpp"

namespace ssi::cluster {

/// A key is kKeyPrefix + kind + "/" + name.
inline constexpr std::string_view kKeyPrefix = "ssi/v1/";
[[nodiscard]] std::string member_key(const MemberName& name);
[[nodiscard]] std::string alive_key(const MemberName& name);
[[nodiscard]] std::string fence_key(const MemberName& name);
[[nodiscard]] std::string transition_key();
[[nodiscard]] std::string disarmed_key();
[[nodiscard]] std::string lone_key();
[[nodiscard]] std::string maintenance_key(const MemberName& name);
[[nodiscard]] std::string directory_key(const GuestName& name);
[[nodiscard]] std::string deleted_key(const GuestName& name);
[[nodiscard]] std::string policy_key(const GuestName& name);
[[nodiscard]] std::string capacity_key(const MemberName& name);
[[nodiscard]] std::string doors_key(const MemberName& name);
[[nodiscard]] std::string residency_key(const GuestName& name);
[[nodiscard]] std::string saved_key(const GuestName& name);
[[nodiscard]] std::string move_key(const GuestName& name);
[[nodiscard]] std::string uuid_key(const GuestUuid& uuid);
[[nodiscard]] std::string registration_key(const MemberName& name);
[[nodiscard]] std::string cluster_config_key();
[[nodiscard]] std::string member_config_key(const MemberName& name);

/// A version of a guest's definition, or of its deletion: encode() of the record. Outside of kKeyPrefix: what is past
/// is in nobody's memory, and is read when somebody asks.
[[nodiscard]] std::string history_key(const GuestName& name, std::uint64_t version);
/// What the history keys of a guest begin with, and only those.
[[nodiscard]] std::string history_prefix(const GuestName& name);

}  // namespace ssi::cluster
