#include "daemons/ssid/engine/etcd_end.hpp"

#include <array>
#include <format>
#include <ranges>

namespace ssi::cluster {
namespace {

constexpr auto kJournal = "see: journalctl -u ssi-etcd";

}  // namespace

std::string_view text_of(EtcdEnd::Why why) {
    switch (why) {
        case EtcdEnd::Why::kStopped:
            return "stopped";
        case EtcdEnd::Why::kRemoved:
            return "removed";
        case EtcdEnd::Why::kDiskFull:
            return "disk full";
        case EtcdEnd::Why::kKilled:
            return "killed";
        case EtcdEnd::Why::kFailed:
            break;
    }
    return "failed";
}

std::optional<EtcdEnd> judge_end(std::string_view line, std::uint64_t free_bytes) {
    std::array<std::string, 3> words;
    std::size_t count = 0;
    for (const auto part : std::views::split(line.substr(0, line.find('\n')), ' '))
        if (!part.empty() && count < words.size()) words[count++] = std::string(std::string_view(part));
    const auto& [result, code, status] = words;
    if (count == 0) return std::nullopt;
    using enum EtcdEnd::Why;
    if (result == "success" && code == "exited" && status == "0")
        return EtcdEnd{kRemoved, "etcd ended because the other voters told it that it was removed",
                       "nothing: this member votes again when it is needed; its data is kept until then"};
    if (result == "success") return EtcdEnd{kStopped, "etcd was stopped", ""};
    // It ends at the first write for which there is no room, and is not let to start with too little.
    if (free_bytes < kNeededBytes)
        return EtcdEnd{
            kDiskFull,
            std::format("etcd ended because its disk is full: {} MiB are free in /var/lib/ssi and it needs {}",
                        free_bytes >> 20U, kNeededBytes >> 20U),
            "make room on that file system; etcd starts by itself, and nothing is lost"};
    if (code == "killed" || code == "dumped")
        return EtcdEnd{kKilled, std::format("etcd was ended by signal {} ({})", status, result), kJournal};
    return EtcdEnd{kFailed, std::format("etcd ended with status {} ({})", status.empty() ? "?" : status, result),
                   kJournal};
}

ReserveStep decide_reserve(bool exists, std::uint64_t free_bytes, const std::optional<EtcdEnd>& end) {
    const bool starved = end && end->why == EtcdEnd::Why::kDiskFull && free_bytes < kNeededBytes;
    if (exists) return starved ? ReserveStep::kRelease : ReserveStep::kNone;
    return free_bytes >= kReserveBytes + 2 * kNeededBytes ? ReserveStep::kMake : ReserveStep::kNone;
}

}  // namespace ssi::cluster
