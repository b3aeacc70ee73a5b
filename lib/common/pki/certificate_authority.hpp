#pragma once
/// The cluster's certificate authority: the files that isfcd's channels trust (ssictl ca init, issue, rotate, retire).
/// EC P-256 keys; certificates name the cluster as organization (O) and the member as common name (CN) and DNS name.
///
/// In the authority's directory lie ca.crt and ca.key, MEMBER.crt and MEMBER.key of each member, and, while an old
/// authority is being replaced, ca-cross.crt: the new authority certified by the old one. It follows the member's own
/// certificate in MEMBER.crt, so that a peer that knows only the old authority accepts it too (RFC 4210, 4.4.1).

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "lib/common/error.hpp"
#include "lib/common/names.hpp"

namespace ssi::pki {

/// An authority outlives the machines of its cluster.
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

enum class Rotate {
    kMembers,    ///< New certificates and keys of the members.
    kAuthority,  ///< And a new authority; ca.crt holds the old one beside it until retire_authority().
};

/// What was replaced.
struct Rotation {
    std::vector<MemberName> members;
    std::vector<std::filesystem::path> files;
};

/// Makes new certificates and keys of all members whose certificates lie in the directory. The old ones stay valid
/// where they are used. Errors: as issue_certificate; kUsage when an authority is to be replaced while another one is.
/// After kSystemFailed some files may be new: do it again.
[[nodiscard]] Result<Rotation> rotate_certificates(const std::filesystem::path& directory, Rotate what);

/// Ends what Rotate::kAuthority began: ca.crt holds the new authority alone. Returns it. Errors: kUsage (there is only
/// one), and as above.
[[nodiscard]] Result<std::filesystem::path> retire_authority(const std::filesystem::path& directory);

}  // namespace ssi::pki
