#pragma once
/// The configuration file of this member's etcd, from system.toml. Pure.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "lib/common/names.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::cluster {

/// Where things are; other places in tests.
struct EtcdPlaces {
    std::filesystem::path working_directory = "/run/ssi/etcd";  ///< etcd's, 0700: its sockets, links, etcd.json.
    std::filesystem::path data_directory = "/var/lib/ssi/etcd";
    std::filesystem::path marker = "/var/lib/ssi/engine-bootstrapped";  ///< Not in what a cleared data directory loses.
    std::filesystem::path links = "/run/ssi/isfc";                      ///< isfcd's sockets: links/PEER/etcd-peer.
};

/// A watch hears from etcd this often when nothing changes (scaled by timing.scale; etcd may take twice as long).
inline constexpr std::chrono::milliseconds kWatchProgress{1'000};
/// Above this size of its database etcd refuses writes until it was compacted and defragmented (SAFETY 25).
inline constexpr std::int64_t kDatabaseQuotaBytes = std::int64_t{1} << 30;

/// Whether this member runs an etcd.
[[nodiscard]] bool is_voter(const SystemConfig& config, const MemberName& member);

/// Text of etcd.json for a voter: JSON, which etcd reads as the YAML it expects. The same input gives the same text.
[[nodiscard]] std::string etcd_config_text(const SystemConfig& config, const MemberName& own, const EtcdPlaces& places);

}  // namespace ssi::cluster
