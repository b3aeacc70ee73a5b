#pragma once
/// What this member shows to its peers, and by which authorities it knows them.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "daemons/isfcd/channel/transport.hpp"
#include "lib/common/error.hpp"
#include "lib/common/names.hpp"
#include "lib/common/pki/certificate_facts.hpp"

namespace ssi::isfc {

struct OwnIdentity {
    TlsIdentity tls;
    pki::MemberFiles files;
    std::uint64_t number = 1;  ///< Counts changes of the files while the process runs.

    /// Reads and checks ca.crt, MEMBER.crt and MEMBER.key. Errors: kConfigMissing, kCertificateInvalid.
    [[nodiscard]] static Result<OwnIdentity> load(const std::filesystem::path& directory, const MemberName& member);
    /// Are these the same files?
    [[nodiscard]] bool is_same(const OwnIdentity& other) const;
};

/// A warning for each of our certificates that ends within pki::kRenewalTime, or has ended. An authority that is being
/// replaced may end.
[[nodiscard]] std::vector<Error> expiry_warnings(const pki::MemberFiles& files, std::chrono::sys_seconds now);

}  // namespace ssi::isfc
