#include "daemons/ssid/engine/witness_log.hpp"

#include <algorithm>
#include <chrono>
#include <format>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "daemons/ssid/engine/voter_keeper.hpp"
#include "daemons/ssid/engine/wal_log.hpp"
#include "daemons/ssid/fencing/program.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using boost::asio::awaitable;

constexpr auto kCopyTime = 60s;
constexpr auto kProgramTime = 30s;

Result<LogReport> report_of(const fs::path& wal, std::uint64_t lineage) {
    const auto log = read_wal(wal);
    if (!log) return std::unexpected(log.error());
    return LogReport{kWitnessName, log->voter_id, log->cluster_id, log->last_term, log->last_index, lineage};
}

/// A directory for this alone, gone at the end.
class Workplace {
  public:
    explicit Workplace(fs::path directory) : directory_(std::move(directory)) {}
    Workplace(const Workplace&) = delete;
    Workplace& operator=(const Workplace&) = delete;
    ~Workplace() { remove(); }

    [[nodiscard]] Result<void> make() {
        remove();
        std::error_code error;
        fs::create_directories(directory_, error);
        if (!error) fs::permissions(directory_, fs::perms::owner_all, error);
        if (error) return system_failure("make " + directory_.native(), directory_.native(), error.value());
        return {};
    }

  private:
    void remove() {
        std::error_code error;
        fs::remove_all(directory_, error);
        if (error)
            log::warning("a copy of the witness's area stays",
                         system_failure("remove " + directory_.native(), directory_.native(), error.value()).error());
    }

    fs::path directory_;
};

awaitable<Result<void>> run(std::string program, std::vector<std::string> arguments, int highest_status) {
    const auto made = co_await run_program({"/usr/sbin/" + program, std::move(arguments), "", kProgramTime});
    if (!made) co_return std::unexpected(made.error());
    if (made->exit_status <= highest_status) co_return Result<void>{};
    co_return failure(ErrorCode::kEngineFailed,
                      std::format("the witness's area cannot be read: {} ended with {}: {}", program, made->exit_status,
                                  made->output),
                      program, "see: ssictl pdr show");
}

}  // namespace

Result<std::optional<LogReport>> witness_log_here(const WitnessPlaces& places, std::uint64_t lineage) {
    if (!witness_process(places)) return std::nullopt;
    return report_of(places.area / "etcd/member/wal", lineage).transform([](LogReport report) {
        return std::optional(std::move(report));
    });
}

awaitable<Result<LogReport>> witness_log_in_area(BlockingCalls& calls, std::shared_ptr<WitnessVolume> volume,
                                                 MemberSlot from, fs::path directory, std::uint64_t lineage) {
    Workplace workplace(directory);
    if (auto made = workplace.make(); !made) co_return std::unexpected(made.error());
    const auto image = directory / "area";
    auto copy = [volume = std::move(volume), from, image](BlockingCalls::Deadline end) {
        return volume->save(from, image, end);
    };
    if (auto copied = co_await calls.run<void>("the PDR", "copy the witness's data", kCopyTime, std::move(copy));
        !copied)
        co_return std::unexpected(copied.error());
    // Its holder may have died in the middle of a write: the journal is replayed. 1: something was mended.
    if (auto mended = co_await run("e2fsck", {"-p", image.native()}, 1); !mended)
        co_return std::unexpected(mended.error());
    const auto dump = std::format("rdump /etcd/member/wal {}", directory.native());
    if (auto dumped = co_await run("debugfs", {"-R", dump, image.native()}, 0); !dumped)
        co_return std::unexpected(dumped.error());
    co_return report_of(directory / "wal", lineage);
}

awaitable<Result<std::optional<LogReport>>> witness_log(const WitnessPlaces& places, std::uint64_t lineage,
                                                        std::optional<pdr::LockRecord> lock,
                                                        ReadWitnessArea read_area) {
    auto here = witness_log_here(places, lineage);
    if (!here || *here) co_return here;
    if (!lock) log::warning("the PDR cannot be read: if the witness's log on it is newer is not known");
    if (!lock || !lock->data) co_return std::nullopt;
    auto report = co_await read_area(*lock->data);
    if (report) co_return *std::move(report);
    auto fault = report.error();
    fault.remedy =
        "mend that; if it cannot be: witness = false in [pdr] here, restart ssid, and what only the witness "
        "knew is lost";
    co_return std::unexpected(std::move(fault));
}

awaitable<Result<std::vector<LogReport>>> comparable_logs(std::vector<LogReport> told, const std::vector<Seat>& seats,
                                                          FindWitnessLog find_witness_log) {
    // After a forced recovery its data are those of a lineage before, until it begins anew.
    const bool is_no_voter = !seats.empty() && !std::ranges::contains(seats, VoterKind::kWitness, &Seat::kind);
    if (is_no_voter) std::erase_if(told, [](const LogReport& log) { return log.member == kWitnessName; });
    if (is_no_voter || std::ranges::contains(told, kWitnessName, &LogReport::member)) co_return told;
    auto found = co_await find_witness_log();
    if (!found) co_return std::unexpected(found.error());
    if (*found) told.push_back(**std::move(found));
    co_return told;
}

}  // namespace ssi::cluster
