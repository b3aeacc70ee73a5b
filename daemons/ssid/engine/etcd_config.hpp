#pragma once
/// The configuration file of this member's etcd, from system.toml. Pure.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemons/ssid/engine/gateway_messages.hpp"
#include "lib/common/names.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::cluster {

/// Where things are; other places in tests.
struct EtcdPlaces {
    std::filesystem::path working_directory = "/run/ssi/etcd";  ///< etcd's, 0700: its sockets, links, etcd.json.
    std::filesystem::path data_directory = "/var/lib/ssi/etcd";
    std::filesystem::path marker = "/var/lib/ssi/engine-bootstrapped";  ///< Not in what a cleared data directory loses.
    std::filesystem::path links = "/run/ssi/isfc";                      ///< isfcd's sockets: links/PEER/etcd-peer.

    /// etcd's log; there as soon as it has begun.
    [[nodiscard]] std::filesystem::path log() const { return data_directory / "member" / "wal"; }
    /// While this file is there, ssi-etcd.service lets etcd begin without data; gone with the boot.
    [[nodiscard]] std::filesystem::path begin() const { return working_directory / "begin"; }
};

/// A watch hears from etcd this often when nothing changes (scaled by timing.scale; etcd may take twice as long).
inline constexpr std::chrono::milliseconds kWatchProgress{1'000};
/// Above this size of its database etcd refuses writes until it was compacted and defragmented (SAFETY 25).
inline constexpr std::int64_t kDatabaseQuotaBytes = std::int64_t{1} << 30;
/// The leader compares the voters' databases so often.
inline constexpr std::chrono::hours kCorruptionCheck{4};

/// Whether this member is one of the voters with which the cluster begins.
[[nodiscard]] bool is_voter(const SystemConfig& config, const MemberName& member);

/// Where a voter's etcd listens for the others: "unix://NAME:1" is the socket file "NAME:1" in the working directory;
/// etcd 3.5 takes no path there.
[[nodiscard]] std::string peer_url(std::string_view voter);
/// The voter's name in such a URL; none in another.
[[nodiscard]] std::optional<std::string> voter_of_peer_url(std::string_view url);

/// With whom an etcd begins; read only when its data directory is empty.
struct EtcdStart {
    std::string state;   ///< "new": with the others it makes the cluster; "existing": it joins one that has added it.
    std::string voters;  ///< "NAME=URL,NAME=URL".
    friend bool operator==(const EtcdStart&, const EtcdStart&) = default;
};
/// The cluster's beginning: the configured voters.
[[nodiscard]] EtcdStart first_start(const SystemConfig& config);
/// As one more of those in etcd's list.
[[nodiscard]] EtcdStart joining_start(const std::vector<gateway::Voter>& list);

/// Whether etcd makes itself the only voter at its start (--force-new-cluster).
enum class Forced { kNo, kYes };

/// Text of etcd.json for a voter: JSON, which etcd reads as the YAML it expects. The same input gives the same text.
[[nodiscard]] std::string etcd_config_text(const SystemConfig& config, const MemberName& own, const EtcdPlaces& places,
                                           const EtcdStart& start, Forced forced = Forced::kNo);

}  // namespace ssi::cluster
