#pragma once
/// What must be the same in every member's system.toml, in one form whatever the file looks like.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/common/config/document.hpp"
#include "lib/common/error.hpp"

namespace ssi {

/// Comments, blanks, the order of tables and keys, what concerns one host alone, and defaults, written out or not, make
/// no difference. The order of [[fence]] does: they are tried in it.
struct SharedConfig {
    std::string text;  ///< A line "PATH = VALUE" for each shared key that is no default, sorted.
    std::string hash;  ///< SHA-256 of the text, in hexadecimal.
    friend bool operator==(const SharedConfig&, const SharedConfig&) = default;
};

[[nodiscard]] SharedConfig shared_config(std::span<const ConfigEntry> entries);

/// SHA-256 in hexadecimal.
[[nodiscard]] std::string sha256_text(std::string_view text);

/// One key in which two texts differ.
struct ConfigDifference {
    std::string path;
    std::optional<std::string> one;  ///< None: not said there, so the default or no such table.
    std::optional<std::string> other;
    friend bool operator==(const ConfigDifference&, const ConfigDifference&) = default;
};

/// Texts of SharedConfig; by path.
[[nodiscard]] std::vector<ConfigDifference> compare_shared(std::string_view one, std::string_view other);

/// "timing.beat_s is 1 here and not set there", with these two words. At most `most` of them, and how many more.
[[nodiscard]] std::string describe(std::span<const ConfigDifference> differences, std::string_view one,
                                   std::string_view other, std::size_t most = 4);

}  // namespace ssi
