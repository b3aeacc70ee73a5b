#pragma once
/// The cluster's certificate authority: the files that isfcd's channels trust (ssictl ca init, ssictl ca issue).
/// EC P-256 keys; certificates name the cluster as organization (O) and the member as common name (CN) and DNS name.

#include <chrono>
#include <filesystem>
#include <string>

#include "lib/common/error.hpp"
#include "lib/common/names.hpp"

namespace ssi::pki {

/// An authority outlives the machines of its cluster; nothing but a new one for all members ends it.
inline constexpr std::chrono::days kAuthorityLifetime{20 * 365};
inline constexpr std::chrono::days kMemberLifetime{5 * 365};

enum class Overwrite { kNo, kYes };

/// Makes DIRECTORY (0700 if it is new) with ca.crt (0644) and ca.key (0600) for a cluster. Errors: kUsage (a file is
/// there, or the cluster's name is no name), kSystemFailed.
[[nodiscard]] Result<void> init_authority(const std::filesystem::path& directory, const std::string& cluster,
                                          Overwrite overwrite = Overwrite::kNo);

/// Makes MEMBER.crt (0644) and MEMBER.key (0600) in the authority's directory. Errors: kConfigMissing (no authority
/// there), kCertificateInvalid (its files cannot be used), kUsage (a file is there), kSystemFailed.
[[nodiscard]] Result<void> issue_certificate(const std::filesystem::path& directory, const MemberName& member,
                                             Overwrite overwrite = Overwrite::kNo,
                                             std::chrono::days lifetime = kMemberLifetime);

}  // namespace ssi::pki
