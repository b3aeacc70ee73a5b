#pragma once
/// What certificates say, and whether the files of a member fit together.

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "lib/common/error.hpp"
#include "lib/common/names.hpp"

struct x509_st;

namespace ssi::pki {

/// The days before its end in which a certificate is due to be made anew.
inline constexpr std::chrono::days kRenewalTime{30};

struct CertificateFacts {
    std::string member;   ///< Common name.
    std::string cluster;  ///< Organization.
    std::chrono::sys_seconds valid_from;
    std::chrono::sys_seconds valid_until;
    std::string fingerprint;  ///< SHA-256, 64 hexadecimal digits: tells it from every other.
    std::string authority;    ///< Identifier of the key that signed it, in hexadecimal digits; may be empty.
    std::string key;          ///< Identifier of its own key; may be empty.
    friend bool operator==(const CertificateFacts&, const CertificateFacts&) = default;
};

/// Of a certificate of OpenSSL's (X509*), which stays the caller's.
[[nodiscard]] CertificateFacts facts_of(const x509_st& certificate);

/// The files by which a member knows others and is known.
struct MemberFiles {
    CertificateFacts own;
    std::vector<CertificateFacts> authorities;  ///< The one that signs now comes first.
};

/// Reads ca.crt, MEMBER.crt and MEMBER.key of a directory as isfcd would use them at `now`. Errors: kConfigMissing;
/// kCertificateInvalid: they do not fit together, are another member's or of no authority in ca.crt, are not valid yet
/// or any more, or the key may be read by others.
[[nodiscard]] Result<MemberFiles> check_member_files(const std::filesystem::path& directory, const MemberName& member,
                                                     std::chrono::sys_seconds now);

}  // namespace ssi::pki
