#include "daemons/ssid/engine/engine_health.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <format>
#include <system_error>
#include <utility>

#include "lib/common/durable_file.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using boost::asio::awaitable;

constexpr auto kLook = 5s;
constexpr int kLooksPerAlarmLook = 6;

std::uint64_t free_bytes_at(const fs::path& directory) {
    std::error_code error;
    const auto space = fs::space(directory, error);
    return error ? 0 : space.available;
}

/// On a file system in memory a reserve would only take memory away.
bool is_in_memory(const fs::path& directory) {
    struct statfs facts{};
    return ::statfs(directory.c_str(), &facts) == 0 && facts.f_type == TMPFS_MAGIC;
}

Result<void> allocate(const fs::path& file, std::uint64_t size) {
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) return system_failure(std::format("cannot create {}", file.native()), file.native(), errno);
    const int failed = ::posix_fallocate(descriptor, 0, static_cast<off_t>(size));
    ::close(descriptor);
    if (failed == 0) return {};
    ::unlink(file.c_str());
    return system_failure(std::format("cannot allocate {}", file.native()), file.native(), failed);
}

std::string text_of(const gateway::Alarm& alarm) {
    if (alarm.kind == "NOSPACE")
        return std::format(
            "voter {:x} of the engine has no room for more: nothing can be written in the whole cluster "
            "(ssictl engine compact)",
            alarm.id);
    return std::format(
        "voter {:x} of the engine says {}: its data differs from that of the others (move {} on that "
        "member aside; it gets a new seat)",
        alarm.id, alarm.kind, "/var/lib/ssi/etcd");
}

}  // namespace

EngineHealth::EngineHealth(EtcdEngine& engine, Clock& clock, EtcdPlaces places)
    : engine_(engine), clock_(clock), places_(std::move(places)) {}

awaitable<void> EngineHealth::run() {
    for (int round = 0;; ++round) {
        look_here();
        if (round % kLooksPerAlarmLook == 0) co_await look_at_alarms();
        co_await clock_.sleep(kLook);
    }
}

fs::path EngineHealth::reserve() const {
    return places_.marker.parent_path() / "engine-reserve";
}

bool EngineHealth::has_reserve() const {
    std::error_code error;
    return fs::exists(reserve(), error);
}

void EngineHealth::look_here() {
    const auto free_bytes = free_bytes_at(places_.data_directory);
    const auto line = read_if_exists(places_.working_directory / "ended");
    if (line && line->value_or("") != end_line_) {
        end_line_ = line->value_or("");
        end_ = judge_end(end_line_, free_bytes);
        if (end_ && end_->why != EtcdEnd::Why::kStopped)
            log::error(std::format("{}{}{}", end_->what, end_->remedy.empty() ? "" : ": ", end_->remedy));
    }
    keep_reserve(free_bytes);
}

void EngineHealth::keep_reserve(std::uint64_t free_bytes) {
    const auto file = reserve();
    switch (decide_reserve(has_reserve(), free_bytes, end_)) {
        case ReserveStep::kRelease: {
            std::error_code error;
            fs::remove(file, error);
            log::warning(
                std::format("{} is given up so that etcd can start: make room on its file system", file.native()));
            break;
        }
        case ReserveStep::kMake:
            if (!fs::exists(file.parent_path()) || is_in_memory(file.parent_path())) break;
            if (const auto made = allocate(file, kReserveBytes); !made)
                log::warning("no room is set aside for the engine", made.error());
            else
                log::info(
                    std::format("{} MiB are set aside for the engine in {}", kReserveBytes >> 20U, file.native()));
            break;
        case ReserveStep::kNone:
            break;
    }
}

awaitable<void> EngineHealth::look_at_alarms() {
    auto alarms = co_await engine_.alarms();
    if (!alarms) co_return;  // no majority is told elsewhere
    for (const auto& alarm : *alarms)
        if (!std::ranges::contains(alarms_, alarm)) log::error(text_of(alarm), {{"SSI_CODE", "SSI-4003"}});
    if (alarms->empty() && !alarms_.empty()) log::notice("the engine's voters complain of nothing any more");
    alarms_ = *std::move(alarms);
}

std::string EngineHealth::fault() const {
    if (!alarms_.empty()) return text_of(alarms_.front());
    if (!end_ || end_->why == EtcdEnd::Why::kStopped || end_->why == EtcdEnd::Why::kRemoved) return "";
    // Its socket is made anew at each start: what it ended of before that is over.
    std::error_code none_ended;
    std::error_code none_started;
    const auto ended = fs::last_write_time(places_.working_directory / "ended", none_ended);
    const auto started = fs::last_write_time(places_.working_directory / "client:1", none_started);
    if (!none_ended && !none_started && started > ended) return "";
    return std::format("{} ({})", end_->what, end_->remedy);
}

}  // namespace ssi::cluster
