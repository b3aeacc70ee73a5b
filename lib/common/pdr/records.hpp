#pragma once
/// What the blocks of a PDR volume hold. Fields are only ever added at the end; a reader takes what it knows.

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include "lib/common/bytes.hpp"
#include "lib/common/error.hpp"
#include "lib/common/names.hpp"

namespace ssi::pdr {

/// Whose volume this is. Its envelope has the cluster's UUID.
struct Label {
    std::string cluster;            ///< Name of the cluster.
    std::uint64_t volume_size = 0;  ///< Bytes, when it was formatted.
    int witness_areas = 0;          ///< How many slots, from 1 on, have one: as many as fit.
    std::uint64_t generation = 1;   ///< Moved on by `ssictl pdr move`.
    std::int64_t formatted_at = 0;  ///< Seconds since 1970, for people.
    std::string moved_to = {};      ///< Path of its successor, of the next generation; empty: this is the PDR.
    std::uint64_t volume = 0;       ///< Random: no other formatting has it. 0: by an earlier version.
    friend bool operator==(const Label&, const Label&) = default;
};

/// What resets a member when its guard stops feeding it.
enum class WatchdogKind : std::uint8_t {
    kNone = 0,
    kSoft = 1,      ///< Its clock stops with the machine: proves nothing (SAFETY 13 b).
    kHardware = 2,  ///< Declared in system.toml.
};

/// A member's sign of life (SAFETY 4, 10). The envelope's sequence is the counter that others watch.
struct SlotRecord {
    MemberName member;
    Incarnation incarnation{};
    std::array<std::byte, 16> boot{};       ///< /proc/sys/kernel/random/boot_id: another boot, another counter.
    std::chrono::milliseconds lease{0};     ///< T_lease; 0: this member holds none.
    std::chrono::milliseconds watchdog{0};  ///< W
    WatchdogKind watchdog_kind = WatchdogKind::kNone;
    bool armed = false;
    bool lone = false;             ///< SAFETY 3.
    bool ssid_ok = false;          ///< ssid speaks with the guard.
    bool engine_ok = false;        ///< etcd answers.
    bool witness_serving = false;  ///< It runs the witness.
    bool down = false;             ///< It left in order: the last write of this incarnation.
    friend bool operator==(const SlotRecord&, const SlotRecord&) = default;
};

[[nodiscard]] Bytes encode(const Label& label);
[[nodiscard]] Bytes encode(const SlotRecord& slot);
/// Error: kPdrDamaged; `where` names the block.
[[nodiscard]] Result<Label> decode_label(ByteView payload, const std::string& where);
[[nodiscard]] Result<SlotRecord> decode_slot(ByteView payload, const std::string& where);

/// "none", "soft", "hardware".
[[nodiscard]] std::string_view text_of(WatchdogKind kind);

}  // namespace ssi::pdr
