#pragma once
/// The verbs of `ssictl ca`. They need much of OpenSSL, which would cost every other verb a part of its time: so the
/// program ssictl leaves them to a second one, ssictl-ca, which has them built in (authority_program.cpp).

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "lib/common/error.hpp"

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

/// Returns the files that it wrote. `words`: the command line that the verb was read from, without the program's name.
/// Errors: those of ssi::pki and of the configuration; kSystemFailed: the program that does it is not there.
[[nodiscard]] Result<std::vector<std::filesystem::path>> carry_out(const AuthorityVerb& verb,
                                                                   const std::vector<std::string>& words);

}  // namespace ssi::ctl
