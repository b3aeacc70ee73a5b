#include "daemons/isfcd/channel/own_identity.hpp"

#include <chrono>
#include <format>
#include <utility>

namespace ssi::isfc {
namespace {

void judge(std::vector<Error>& warnings, const std::string& whose, const pki::CertificateFacts& certificate,
           std::chrono::sys_seconds now, const std::string& remedy) {
    if (certificate.valid_until - now > pki::kRenewalTime) return;
    const auto left = std::chrono::floor<std::chrono::days>(certificate.valid_until - now).count();
    const auto what = left < 0 ? std::format("{} has expired: no channel can be made with it", whose)
                               : std::format("{} expires in {} days ({:%F})", whose, left, certificate.valid_until);
    warnings.push_back({ErrorCode::kCertificateInvalid, what, certificate.member, remedy});
}

}  // namespace

Result<OwnIdentity> OwnIdentity::load(const std::filesystem::path& directory, const MemberName& member) {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    auto files = pki::check_member_files(directory, member, now);
    if (!files) return std::unexpected(files.error());
    auto tls = TlsIdentity::load(directory, member);
    if (!tls) return std::unexpected(tls.error());
    return OwnIdentity{*std::move(tls), *std::move(files)};
}

bool OwnIdentity::is_same(const OwnIdentity& other) const {
    return files.own == other.files.own && files.authorities == other.files.authorities;
}

std::vector<Error> expiry_warnings(const pki::MemberFiles& files, std::chrono::sys_seconds now) {
    std::vector<Error> warnings;
    judge(warnings, std::format("the certificate of {}", files.own.member), files.own, now,
          "ssictl ca rotate, copy the new files to each member, ssictl reload there");
    if (!files.authorities.empty())
        judge(warnings, "the cluster's certificate authority", files.authorities.front(), now,
              "ssictl ca rotate --authority, copy the new files to each member, ssictl reload there");
    return warnings;
}

}  // namespace ssi::isfc
