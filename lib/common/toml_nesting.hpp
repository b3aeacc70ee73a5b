#pragma once
/// toml11 reads brackets within brackets by recursion: text that nests deeply would end the process.

#include <string>
#include <string_view>

#include "lib/common/error.hpp"

namespace ssi {

/// Brackets and braces open at one place at most; our files nest four deep.
inline constexpr int kMostNesting = 64;

/// To be asked before toml11 sees the text; `file` is only for the message. Error: kConfigInvalid, its `what` beginning
/// with file, line and column.
[[nodiscard]] Result<void> check_toml_nesting(std::string_view text, const std::string& file);

}  // namespace ssi
