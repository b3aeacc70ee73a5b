#pragma once
/// What the witness's unit finds when it starts, and the way of the other voters to it.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "daemons/ssid/engine/etcd_config.hpp"
#include "lib/common/clock.hpp"
#include "lib/common/error.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::cluster {

inline constexpr auto kWitnessUnit = "ssi-witness.service";
inline constexpr auto kWitnessCloseUnit = "ssi-witness-close.service";
/// In the working directory of this member's etcd: the way to the witness's client socket, wherever it runs.
inline constexpr auto kWitnessClient = "witness-client";

/// Where things are; other places in tests.
struct WitnessPlaces {
    std::filesystem::path working_directory = "/run/ssi/witness-etcd";  ///< The witness's, 0700.
    std::filesystem::path area = "/run/ssi/witness";  ///< Its file system on the PDR is mounted here while it runs.
    std::filesystem::path etcd = "/run/ssi/etcd";     ///< This member's own voter's.
    std::filesystem::path links = "/run/ssi/isfc";
    std::filesystem::path pdr_lock = "/run/ssi/ssid/pdr-lock";  ///< Held by the one ssid that works on the PDR's lock.
    std::string control_group = kWitnessUnit;                   ///< Part of its name: by it the process is known.
};

struct WitnessStart {
    EtcdStart etcd;
    bool make = false;  ///< The area is made empty first.
    /// Later than this it must not begin: others may take it from this member by then (SAFETY 8, 9).
    BootTime until;
};
/// Writes etcd.json, area.json (for ssi-witness-area) and the links to all members' voters. Error: kSystemFailed.
[[nodiscard]] Result<void> write_witness_start(const SystemConfig& config, const MemberName& own,
                                               const WitnessPlaces& places, const WitnessStart& start);

/// This member's voter and its ssid find the witness at `holder` from now on; none: nowhere. Error: kSystemFailed.
[[nodiscard]] Result<void> point_to_witness(const WitnessPlaces& places, const MemberName& own,
                                            const std::optional<MemberName>& holder);

/// The process of the witness here, as its unit says in the file "pid"; none: it does not run.
[[nodiscard]] std::optional<pid_t> witness_process(const WitnessPlaces& places);

/// The area's file system is closed: all of it is on the disk.
[[nodiscard]] bool area_is_closed(const WitnessPlaces& places);

/// The generation with which this boot won the lock; none: it did not. Kept over restarts of ssid.
[[nodiscard]] Result<std::optional<std::uint64_t>> read_claim(const WitnessPlaces& places);
[[nodiscard]] Result<void> write_claim(const WitnessPlaces& places, std::uint64_t generation);
void forget_claim(const WitnessPlaces& places);

}  // namespace ssi::cluster
