#pragma once
/// A fence agent's credentials: options that must not stand in system.toml, which everybody may read.

#include <filesystem>
#include <map>
#include <string>

#include "lib/common/error.hpp"

namespace ssi::cluster {

/// What the file must be, besides a regular file that nobody but its owner may read.
struct CredentialsRule {
    unsigned owner = 0;  ///< User id; root but in tests.
};

/// Reads `key=value` lines; empty ones and those that begin with # count for nothing. Errors: kConfigMissing (it cannot
/// be read), kCredentialsUnsafe (another owner, readable or writable for others, or a line that makes no sense). No
/// error ever holds a value.
[[nodiscard]] Result<std::map<std::string, std::string>> read_fence_credentials(const std::filesystem::path& file,
                                                                                const CredentialsRule& rule = {});

}  // namespace ssi::cluster
