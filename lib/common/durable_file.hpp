#pragma once
/// Files that are there whole or not at all.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "lib/common/error.hpp"

namespace ssi {

/// Replaces the file; when it returns, the new text survives a power cut. Blocks for the disk. Error: kSystemFailed.
[[nodiscard]] Result<void> write_durably(const std::filesystem::path& file, std::string_view text, mode_t mode = 0600);

/// Gives a file another name, over what had it; when it returns, that survives a power cut. Error: kSystemFailed.
[[nodiscard]] Result<void> rename_durably(const std::filesystem::path& from, const std::filesystem::path& to);

/// Puts `text` at an offset of a file that exists; when it returns, it survives a power cut. What a power cut before
/// that leaves is undefined. Error: kSystemFailed.
[[nodiscard]] Result<void> overwrite_durably(const std::filesystem::path& file, std::uint64_t offset,
                                             std::string_view text);

/// The file's text; none if there is no such file. Error: kSystemFailed.
[[nodiscard]] Result<std::optional<std::string>> read_if_exists(const std::filesystem::path& file);

}  // namespace ssi
