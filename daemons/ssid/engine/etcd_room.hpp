#pragma once
/// What the witness's etcd may take of its small disk. Pure.

#include <cstdint>
#include <string>
#include <string_view>

namespace ssi::cluster {

/// Above this size of its database the witness, and with it every voter of its cluster, refuses writes (SAFETY 25): it,
/// a second one that a leader may send, and four pieces of its log of 64 MiB each, fit into its area.
inline constexpr std::int64_t kWitnessQuotaBytes = std::int64_t{96} << 20;

/// The text of an etcd.json, changed so that etcd finds enough room in a witness's area.
[[nodiscard]] std::string fit_witness_area(std::string_view etcd_json);

}  // namespace ssi::cluster
