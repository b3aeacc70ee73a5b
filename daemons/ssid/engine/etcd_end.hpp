#pragma once
/// Why an etcd ended, by name, from what its unit wrote down (systemd/ssi-etcd.service, ExecStopPost). Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ssi::cluster {

struct EtcdEnd {
    enum class Why {
        kStopped,   ///< By ssid, the administrator, or the host's shutdown: nothing is wrong.
        kRemoved,   ///< The others told it that it is no voter any more: it ends with status 0.
        kDiskFull,  ///< It ends with status 1 at the first write that fails, and loses nothing.
        kKilled,    ///< By a signal, the out-of-memory killer among them.
        kFailed,    ///< Any other status.
    };
    Why why = Why::kStopped;
    std::string what;    ///< For people, with how it ended.
    std::string remedy;  ///< Empty: nothing to do.
    friend bool operator==(const EtcdEnd&, const EtcdEnd&) = default;
};

/// etcd needs so much to start: a preallocated log, its successor, and a snapshot.
inline constexpr std::uint64_t kNeededBytes = std::uint64_t{200} << 20U;
/// Set aside for the day on which the disk is full (engine-reserve).
inline constexpr std::uint64_t kReserveBytes = std::uint64_t{256} << 20U;

/// "removed", "disk full", ...
[[nodiscard]] std::string_view text_of(EtcdEnd::Why why);

/// `line`: systemd's $SERVICE_RESULT, $EXIT_CODE and $EXIT_STATUS, with blanks between. `free_bytes`: on its disk, now.
/// None when the line is none of that.
[[nodiscard]] std::optional<EtcdEnd> judge_end(std::string_view line, std::uint64_t free_bytes);

/// What is to become of the reserve.
enum class ReserveStep { kNone, kRelease, kMake };
/// Released when etcd could not start or go on for lack of space; made when there is room for it and for etcd twice.
[[nodiscard]] ReserveStep decide_reserve(bool exists, std::uint64_t free_bytes, const std::optional<EtcdEnd>& end);

}  // namespace ssi::cluster
