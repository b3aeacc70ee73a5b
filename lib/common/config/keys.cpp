#include "lib/common/config/keys.hpp"

#include <algorithm>
#include <array>
#include <format>

namespace ssi {
namespace {

using enum ConfigScope;

constexpr std::array kKeys{
    ConfigKey{"cluster", "name", "", kCluster, "", "isfcd ssid ssi-guard"},
    ConfigKey{"cluster", "uuid", "", kCluster, "", "isfcd ssid ssi-guard"},
    ConfigKey{"member", "name", "", kCluster, "isfcd ssid", ""},
    ConfigKey{"member", "slot", "", kCluster, "", "isfcd ssid ssi-guard"},
    ConfigKey{"member", "host", "", kMember, "isfcd ssid", ""},
    ConfigKey{"member", "watchdog", "\"none\"", kCluster, "ssid", "ssi-guard"},
    ConfigKey{"member", "watchdog_device", "\"/dev/watchdog0\"", kMember, "", "ssi-guard"},
    ConfigKey{"channel", "members", "", kCluster, "isfcd", ""},
    ConfigKey{"channel", "addresses", "", kCluster, "isfcd", ""},
    ConfigKey{"channel", "interfaces", "[\"\", \"\"]", kMember, "isfcd", ""},
    ConfigKey{"channel", "port", "7700", kCluster, "isfcd", ""},
    ConfigKey{"channel", "encryption", "\"tls\"", kCluster, "isfcd", ""},
    ConfigKey{"channel", "driver", "\"tcp\"", kCluster, "isfcd", ""},
    ConfigKey{"channel", "devices", "", kMember, "isfcd", ""},
    ConfigKey{"channel", "protocol", "0", kCluster, "isfcd", ""},
    ConfigKey{"channel", "buffer", "32768", kCluster, "isfcd", ""},
    ConfigKey{"channel", "mtu", "", kCluster, "isfcd", ""},
    ConfigKey{"channel", "name", "", kCluster, "isfcd", ""},
    ConfigKey{"fence", "name", "", kCluster, "", "ssid"},
    ConfigKey{"fence", "method", "\"agent\"", kCluster, "", "ssid"},
    ConfigKey{"fence", "agent", "", kCluster, "", "ssid"},
    ConfigKey{"fence", "timeout_s", "20", kCluster, "", "ssid"},
    ConfigKey{"fence", "options", "{}", kCluster, "", "ssid"},
    ConfigKey{"fence", "credentials", "", kCluster, "", "ssid"},
    ConfigKey{"fence", "plugs", "{}", kCluster, "", "ssid"},
    ConfigKey{"fence", "volumes", "[]", kCluster, "", "ssid"},
    ConfigKey{"fence", "all_disks", "false", kCluster, "", "ssid"},
    ConfigKey{"timing", "scale", "1", kCluster, "isfcd", "ssid ssi-guard"},
    ConfigKey{"timing", "beat_s", "0.5", kCluster, "", "ssid ssi-guard", true},
    ConfigKey{"timing", "silence_s", "3", kCluster, "", "ssid", true},
    ConfigKey{"timing", "fence_s", "1.5", kCluster, "", "ssid", true},
    ConfigKey{"timing", "boot_s", "60", kCluster, "", "ssid"},
    ConfigKey{"timing", "hook_s", "1", kCluster, "", "ssid", true},
    ConfigKey{"timing", "right_lifetime_s", "30", kCluster, "", "ssid", true},
    ConfigKey{"timing", "lease_s", "5", kCluster, "", "ssid ssi-guard", true},
    ConfigKey{"timing", "watchdog_s", "5", kCluster, "", "ssi-guard", true},
    ConfigKey{"timing", "engine_heartbeat_s", "0.1", kCluster, "", "ssid", true},
    ConfigKey{"timing", "engine_election_s", "1", kCluster, "", "ssid", true},
    ConfigKey{"link", "memory_mib", "64", kCluster, "", "isfcd"},
    ConfigKey{"link", "timeout_s", "5", kCluster, "", "isfcd", true},
    ConfigKey{"pdr", "device", "", kCluster, "", "ssid ssi-guard"},
    ConfigKey{"pdr", "witness", "true", kCluster, "", "ssid"},
    ConfigKey{"tls", "directory", "\"/etc/ssi/pki\"", kMember, "isfcd", ""},
};

std::string with_commas(std::string_view daemons) {
    std::string list;
    for (const char letter : daemons) list += letter == ' ' ? ", " : std::string(1, letter);
    return list;
}

}  // namespace

std::span<const ConfigKey> config_keys() {
    return kKeys;
}

const ConfigKey* find_config_key(std::string_view table, std::string_view name) {
    const auto* found =
        std::ranges::find_if(kKeys, [&](const ConfigKey& key) { return key.table == table && key.name == name; });
    return found == kKeys.end() ? nullptr : found;
}

std::string effect_text(const ConfigKey& key) {
    std::string text;
    if (!key.reload.empty()) text = std::format("reload of {}", with_commas(key.reload));
    if (!key.restart.empty())
        text += std::format("{}restart of {}", text.empty() ? "" : ", ", with_commas(key.restart));
    return text;
}

}  // namespace ssi
