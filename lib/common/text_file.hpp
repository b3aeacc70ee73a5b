#pragma once
/// Files of text that people and packages write, read as a whole.

#include <filesystem>
#include <optional>
#include <string>

namespace ssi {

/// Nothing if it cannot be read. An empty file is an empty text.
[[nodiscard]] std::optional<std::string> read_text_file(const std::filesystem::path& file);

}  // namespace ssi
