#pragma once
/// system.toml as the list of what it says, key by key, with the defaults of what it does not say: what is shown,
/// compared and made canonical.

#include <array>
#include <cstddef>
#include <optional>
#include <string>

#include "lib/common/config/keys.hpp"

namespace ssi {

/// One key in one of the file's tables.
struct ConfigEntry {
    const ConfigKey* key = nullptr;
    std::string table;     ///< "timing", "member.MEMBER1", "channel.MEMBER1/MEMBER2/0" (lower slot first), "fence.1".
    std::string value;     ///< As TOML, in one spelling: 1.0 and 1 are "1".
    std::string standard;  ///< The same of the default; empty: it has none.
    bool is_set = false;   ///< The file says it; else the value is the default.
    std::size_t line = 0;  ///< Of the value, if it is set.
    /// Of a channel's key that is a list of two: at the lower slot, at the higher.
    std::optional<std::array<std::string, 2>> ends = {};

    /// "timing.beat_s"
    [[nodiscard]] std::string path() const { return table + "." + std::string(key->name); }
};

}  // namespace ssi
