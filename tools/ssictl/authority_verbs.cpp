#include "tools/ssictl/authority_verbs.hpp"

#include "lib/common/names.hpp"
#include "lib/common/pki/certificate_authority.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::ctl {
namespace {

using Files = Result<std::vector<std::filesystem::path>>;

pki::Overwrite overwrite(bool wanted) {
    return wanted ? pki::Overwrite::kYes : pki::Overwrite::kNo;
}

struct CarryOut {
    Files operator()(const InitAuthority& wanted) const {
        auto cluster = wanted.cluster;
        if (cluster.empty()) {
            const auto config = load_system_config(wanted.config);
            if (!config) return std::unexpected(config.error());
            cluster = config->cluster;
        }
        auto made = pki::init_authority(wanted.directory, cluster, overwrite(wanted.overwrite));
        if (!made) return std::unexpected(made.error());
        return {{wanted.directory / "ca.crt", wanted.directory / "ca.key"}};
    }
    Files operator()(const IssueCertificate& wanted) const {
        const auto member = MemberName::parse(wanted.member);
        if (!member) return std::unexpected(member.error());
        auto made = pki::issue_certificate(wanted.directory, *member, overwrite(wanted.overwrite));
        if (!made) return std::unexpected(made.error());
        return {{wanted.directory / (wanted.member + ".crt"), wanted.directory / (wanted.member + ".key")}};
    }
    Files operator()(const RotateCertificates& wanted) const {
        auto rotated = pki::rotate_certificates(wanted.directory,
                                                wanted.authority ? pki::Rotate::kAuthority : pki::Rotate::kMembers);
        if (!rotated) return std::unexpected(rotated.error());
        return std::move(rotated->files);
    }
    Files operator()(const RetireAuthority& wanted) const {
        auto retired = pki::retire_authority(wanted.directory);
        if (!retired) return std::unexpected(retired.error());
        return {{*std::move(retired)}};
    }
};

}  // namespace

Files carry_out(const AuthorityVerb& verb, const Words& /*words*/) {
    return std::visit(CarryOut{}, verb);
}

}  // namespace ssi::ctl
