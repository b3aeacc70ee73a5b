#pragma once
/// /var/lib/ssi/engine-bootstrapped: what this member's etcd is, beside its data, so that data that went missing is
/// noticed.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "daemons/ssid/engine/etcd_config.hpp"
#include "lib/common/error.hpp"

namespace ssi::cluster {

struct EngineMarker {
    std::string cluster_uuid;
    std::string member;
    EtcdStart start;            ///< Empty in a file of an older version.
    std::uint64_t lineage = 0;  ///< How many forced recoveries this state has behind it (SAFETY 19).
    friend bool operator==(const EngineMarker&, const EngineMarker&) = default;
};

/// None when there is no such file. Errors: kSystemFailed, kProtocolViolated.
[[nodiscard]] Result<std::optional<EngineMarker>> read_marker(const std::filesystem::path& file);
/// Survives a power cut. Error: kSystemFailed.
[[nodiscard]] Result<void> write_marker(const std::filesystem::path& file, const EngineMarker& marker);

}  // namespace ssi::cluster
