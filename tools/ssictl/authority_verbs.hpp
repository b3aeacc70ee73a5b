#pragma once
/// The verbs of `ssictl ca`, of the second program (second_program.hpp).

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "lib/common/error.hpp"
#include "tools/ssictl/second_program.hpp"

namespace ssi::ctl {

struct InitAuthority {
    std::filesystem::path directory;
    std::string cluster;           ///< Empty: the one that `config` names.
    std::filesystem::path config;  ///< system.toml
    bool overwrite = false;
};

struct IssueCertificate {
    std::filesystem::path directory;
    std::string member;
    bool overwrite = false;
};

struct RotateCertificates {
    std::filesystem::path directory;
    bool authority = false;  ///< Also a new authority.
};

struct RetireAuthority {
    std::filesystem::path directory;
};

using AuthorityVerb = std::variant<InitAuthority, IssueCertificate, RotateCertificates, RetireAuthority>;

/// Returns the files that it wrote. Errors: those of ssi::pki and of the configuration.
[[nodiscard]] Result<std::vector<std::filesystem::path>> carry_out(const AuthorityVerb& verb, const Words& words);

}  // namespace ssi::ctl
