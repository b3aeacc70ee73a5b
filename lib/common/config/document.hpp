#pragma once
/// A system.toml with all there is to say of it; or with all that is wrong with it.

#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "lib/common/config/entries.hpp"
#include "lib/common/config/problem.hpp"
#include "lib/common/system_config.hpp"

namespace ssi {

struct ConfigDocument {
    SystemConfig config;
    std::vector<ConfigEntry> entries;  ///< Table by table: single ones, then members by slot, channels, fences.
};

/// `file` is only for messages. Every problem is named, never none.
[[nodiscard]] std::expected<ConfigDocument, std::vector<ConfigProblem>> read_config_document(std::string_view text,
                                                                                             const std::string& file);

/// The same; the Error, kConfigInvalid, has the diagnostics of all problems.
[[nodiscard]] Result<ConfigDocument> parse_config_document(std::string_view text, const std::string& file);

/// Error: kConfigMissing.
[[nodiscard]] Result<std::string> read_config_text(const std::filesystem::path& file);

/// Reads and parses a file. Errors: kConfigMissing, kConfigInvalid.
[[nodiscard]] Result<ConfigDocument> load_config_document(const std::filesystem::path& file);

}  // namespace ssi
