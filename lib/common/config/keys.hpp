#pragma once
/// Every key of system.toml: the one table from which the parser knows what exists, the manual what takes effect when
/// (a test compares them), and the members what must be the same on all of them.

#include <span>
#include <string>
#include <string_view>

namespace ssi {

/// Whom the value of a key concerns.
enum class ConfigScope {
    kCluster,  ///< All members: it is the same in every member's file, or the odd one is not let in.
    kMember,   ///< One host alone: names of its devices and files. Files may differ in it.
};

struct ConfigKey {
    std::string_view table;     ///< "timing", "member", ...: the name in [...] or [[...]].
    std::string_view name;      ///< "beat_s"
    std::string_view standard;  ///< The default, as TOML; empty: none, or one that depends on other keys.
    ConfigScope scope = ConfigScope::kCluster;
    std::string_view reload;   ///< Daemons that take a change over at `ssictl config reload`; parted by a blank.
    std::string_view restart;  ///< Daemons that see a change when they are started again.
    bool is_scaled = false;    ///< A time that timing.scale stretches.
};

/// In the order of the manual.
[[nodiscard]] std::span<const ConfigKey> config_keys();
/// nullptr: there is none of that name.
[[nodiscard]] const ConfigKey* find_config_key(std::string_view table, std::string_view name);

/// "reload of isfcd, restart of ssid": as the manual says it.
[[nodiscard]] std::string effect_text(const ConfigKey& key);

}  // namespace ssi
