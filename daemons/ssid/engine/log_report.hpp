#pragma once
/// How far a member's log of the engine goes, and from which the state may go on (SAFETY 20). Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/common/error.hpp"

namespace ssi::cluster {

struct LogReport {
    std::string member;
    std::uint64_t voter_id = 0;  ///< 0: no log there.
    std::uint64_t cluster_id = 0;
    std::uint64_t last_term = 0;
    std::uint64_t last_index = 0;
    std::uint64_t lineage = 0;
    friend bool operator==(const LogReport&, const LogReport&) = default;
};

/// A member's own, and that of the witness if it runs there.
struct LogReports {
    LogReport own;
    std::optional<LogReport> witness = {};
    friend bool operator==(const LogReports&, const LogReports&) = default;
};

[[nodiscard]] std::string encode(const LogReports& reports);
inline constexpr std::size_t kLongestReport = 4096;  ///< Bytes, as encoded.
/// Error: kProtocolViolated.
[[nodiscard]] Result<LogReports> decode_log_reports(std::string_view text);

/// Whether the state may go on from `own`, when the logs that can be reached are `others`. Refused: kEngineFailed,
/// when one of them holds more, or has a forced recovery behind it that ours has not.
[[nodiscard]] Result<void> decide_force(const LogReport& own, const std::vector<LogReport>& others);

}  // namespace ssi::cluster
