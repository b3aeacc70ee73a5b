// Why etcd ended, by name; the reserve; which log a forced recovery may go on from.
#include "daemons/ssid/engine/engine_health.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "daemons/ssid/engine/etcd_end.hpp"
#include "daemons/ssid/engine/log_report.hpp"
#include "temporary_directory.hpp"

namespace ssi::cluster {
namespace {

using Why = EtcdEnd::Why;

constexpr std::uint64_t kMiB = 1U << 20U;
constexpr std::uint64_t kPlenty = 10'000 * kMiB;

Why why(const std::string& line, std::uint64_t free_bytes = kPlenty) {
    return judge_end(line, free_bytes).value().why;
}

TEST(EtcdEnd, is_told_by_name) {
    EXPECT_EQ(why("success exited 0\n"), Why::kRemoved);
    EXPECT_EQ(why("success killed TERM\n"), Why::kStopped);
    EXPECT_EQ(why("exit-code exited 1\n"), Why::kFailed);
    EXPECT_EQ(why("exit-code exited 1\n", 20 * kMiB), Why::kDiskFull);
    EXPECT_EQ(why("signal killed KILL\n"), Why::kKilled);
    EXPECT_EQ(why("oom-kill killed KILL\n"), Why::kKilled);
    EXPECT_EQ(why("core-dump dumped ABRT\n"), Why::kKilled);
    EXPECT_EQ(why("exit-code  \n"), Why::kFailed) << "it did not even begin";
    EXPECT_EQ(judge_end("", kPlenty), std::nullopt);
}

// R9
TEST(EtcdEnd, says_what_to_do) {
    for (const auto* line : {"success exited 0", "exit-code exited 1", "signal killed KILL"})
        for (const auto free_bytes : {20 * kMiB, kPlenty}) EXPECT_NE(judge_end(line, free_bytes)->remedy, "") << line;
    EXPECT_NE(judge_end("exit-code exited 1", 20 * kMiB)->what.find("20 MiB"), std::string::npos);
}

TEST(Reserve, is_released_when_etcd_starves_and_made_when_there_is_room_for_all) {
    const auto starved = judge_end("exit-code exited 1", 20 * kMiB);
    const auto crashed = judge_end("signal killed SEGV", kPlenty);
    EXPECT_EQ(decide_reserve(true, 20 * kMiB, starved), ReserveStep::kRelease);
    EXPECT_EQ(decide_reserve(true, 20 * kMiB, std::nullopt), ReserveStep::kNone) << "it still runs";
    EXPECT_EQ(decide_reserve(true, 20 * kMiB, crashed), ReserveStep::kNone);
    EXPECT_EQ(decide_reserve(true, 300 * kMiB, starved), ReserveStep::kNone) << "there is room again";
    EXPECT_EQ(decide_reserve(false, 300 * kMiB, starved), ReserveStep::kNone) << "no room for it yet";
    EXPECT_EQ(decide_reserve(false, 700 * kMiB, starved), ReserveStep::kMake);
}

TEST(Health, end_is_read_once_and_is_no_fault_when_etcd_runs_again) {
    const test::TemporaryDirectory directory;
    const EtcdPlaces places{directory.path() / "run", directory.path() / "lib/etcd", directory.path() / "lib/marker",
                            directory.path() / "isfc"};
    std::filesystem::create_directories(places.working_directory);
    std::filesystem::create_directories(places.data_directory);
    boost::asio::io_context io;
    BootClock clock(io.get_executor());
    EtcdEngine engine(io.get_executor(), {{"/nonexistent"}});
    EngineHealth health(engine, clock, places);
    health.look_here();
    EXPECT_EQ(health.last_end(), std::nullopt);
    std::ofstream(places.working_directory / "ended") << "signal killed SEGV\n";
    health.look_here();
    ASSERT_TRUE(health.last_end());
    EXPECT_EQ(health.last_end()->why, Why::kKilled);
    EXPECT_NE(health.fault().find("SEGV"), std::string::npos);
    std::ofstream(places.working_directory / "client:1") << "";
    const auto later = std::filesystem::last_write_time(places.working_directory / "ended") + std::chrono::seconds(1);
    std::filesystem::last_write_time(places.working_directory / "client:1", later);
    EXPECT_EQ(health.fault(), "");
}

LogReport report(std::string member, std::uint64_t term, std::uint64_t index, std::uint64_t lineage = 0) {
    return {std::move(member), 1, 1, term, index, lineage};
}

// SAFETY 20
TEST(ForcedRecovery, goes_on_from_the_newest_log_alone) {
    const auto own = report("M1", 5, 100);
    EXPECT_TRUE(decide_force(own, {}));
    EXPECT_TRUE(decide_force(own, {report("M2", 5, 100), report("M3", 4, 900), report("M4", 5, 99)}));
    for (const auto& newer : {report("M2", 5, 101), report("M2", 6, 1)}) {
        const auto refused = decide_force(own, {report("M3", 1, 1), newer});
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().object, "M2");
        EXPECT_EQ(refused.error().remedy, "on M2: ssictl engine force");
    }
}

TEST(ForcedRecovery, newer_log_of_the_witness_is_not_forced_but_given_to_a_member_that_lives) {
    const auto refused = decide_force(report("M1", 5, 100), {report("witness", 5, 101)});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().object, "witness");
    EXPECT_TRUE(refused.error().remedy.contains("ssictl member set-down")) << refused.error().remedy;
}

TEST(ForcedRecovery, log_without_the_recoveries_of_others_is_refused_and_theirs_without_ours_do_not_count) {
    const auto own = report("M1", 5, 100, 1);
    EXPECT_FALSE(decide_force(own, {report("M2", 1, 1, 2)}));
    EXPECT_TRUE(decide_force(own, {report("M2", 9, 999, 0)}));
    LogReport no_log{"M3", 0, 0, 9, 999, 1};
    EXPECT_TRUE(decide_force(own, {no_log})) << "it has no log";
}

TEST(ForcedRecovery, report_survives_the_wire) {
    LogReports sent{{"M1", 0xffff'ffff'ffff'fff1U, 7, 5, 1'000'000, 3}};
    for (int round = 0; round < 2; ++round) {
        const auto received = decode_log_reports(encode(sent));
        ASSERT_TRUE(received) << received.error().text();
        EXPECT_EQ(*received, sent);
        sent.witness = report("witness", 5, 101, 3);
    }
    EXPECT_FALSE(decode_log_reports("{\"v\":1}"));
}

}  // namespace
}  // namespace ssi::cluster
