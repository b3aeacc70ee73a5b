#pragma once
/// What a changed system.toml means for daemons that run. Pure.

#include <span>
#include <string>
#include <vector>

#include "lib/common/config/entries.hpp"
#include "lib/common/names.hpp"

namespace ssi::cluster {

/// A changed key that a reload does not put into effect.
struct RestartKey {
    std::string path;     ///< "timing.beat_s"
    std::string daemons;  ///< "ssid ssi-guard", as systemctl takes them.
    friend bool operator==(const RestartKey&, const RestartKey&) = default;
};

/// Of those in which two files differ, for the member `own`. Members that come and go want no restart, nor does what
/// concerns another host alone.
[[nodiscard]] std::vector<RestartKey> keys_wanting_restart(std::span<const ConfigEntry> running,
                                                           std::span<const ConfigEntry> fresh, const MemberName& own);

/// All daemons in it, each once: "ssid ssi-guard".
[[nodiscard]] std::string daemons_of(std::span<const RestartKey> keys);

/// The keys whose value differs, by path.
[[nodiscard]] std::vector<std::string> changed_keys(std::span<const ConfigEntry> running,
                                                    std::span<const ConfigEntry> fresh);

}  // namespace ssi::cluster
