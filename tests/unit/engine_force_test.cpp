// What a forced recovery is compared with (SAFETY 20): the logs that members tell over the links, and the witness's,
// told by the member on which it runs or read from its area on the PDR.
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "daemons/ssid/engine/log_service.hpp"
#include "daemons/ssid/engine/voter_keeper.hpp"
#include "daemons/ssid/engine/witness_log.hpp"
#include "lib/common/pdr/area_copy.hpp"
#include "tests/unit/coroutines.hpp"
#include "tests/unit/temporary_directory.hpp"
#include "tests/unit/wal_builder.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

constexpr std::uint64_t kLineage = 3;

MemberName name_of(int number) {
    return MemberName::parse("MEMBER" + std::to_string(number)).value();
}
LogReport log_of(std::string member, std::uint64_t index) {
    return {std::move(member), 0xabc, 0xdef, 2, index, kLineage};
}

/// MEMBER1 is to go on alone. Its log ends with entry 10.
class ForcedRecoveryTest : public ::testing::Test {
  protected:
    ForcedRecoveryTest() {
        for (int number = 1; number <= 3; ++number) {
            MemberConfig member;
            member.name = name_of(number);
            member.slot = MemberSlot::from(number).value();
            config_.members.push_back(member);
        }
        lock_.data = MemberSlot::from(1).value();
        std::filesystem::create_directories(places_.working_directory);
    }

    /// Nothing else is read than what the test says.
    ReadWitnessArea area_says(const Result<LogReport>& what) {
        return [this, what](MemberSlot) -> awaitable<Result<LogReport>> {
            ++areas_read_;
            co_return what;
        };
    }
    FindWitnessLog find(std::optional<pdr::LockRecord> lock, ReadWitnessArea read_area) {
        return [this, lock = std::move(lock), read_area = std::move(read_area)] {
            return witness_log(places_, kLineage, lock, read_area);
        };
    }
    Result<std::vector<LogReport>> comparable(FindWitnessLog find, std::vector<LogReport> told = {},
                                              const std::vector<Seat>& seats = {}) {
        return test::run(io_, comparable_logs(std::move(told), seats, std::move(find)));
    }
    [[nodiscard]] Result<void> force(const std::vector<LogReport>& others) const { return decide_force(own_, others); }

    [[nodiscard]] std::filesystem::path wal() const {
        return places_.area / "etcd/member/wal/0000000000000000-0000000000000000.wal";
    }
    /// The witness runs on this host, and its log ends with that entry.
    void run_witness(std::uint64_t index) const {
        WalBuilder log;
        log.identity(0xabc, 0xdef).snapshot(0, 0);
        for (std::uint64_t entry = 1; entry <= index; ++entry) log.entry(2, entry);
        log.write(wal());
        std::ofstream(places_.working_directory / "pid") << ::getpid() << '\n';
    }

    test::TemporaryDirectory folder_;
    WitnessPlaces places_{folder_.path() / "witness-etcd", folder_.path() / "witness",  folder_.path() / "etcd",
                          folder_.path() / "isfc",         folder_.path() / "pdr-lock", ""};
    boost::asio::io_context io_;
    SystemConfig config_;
    LogReport own_ = log_of("MEMBER1", 10);
    pdr::LockRecord lock_;
    int areas_read_ = 0;
};

TEST_F(ForcedRecoveryTest, is_refused_while_the_witness_s_area_is_there_and_cannot_be_read) {
    const auto unreadable = failure(ErrorCode::kEngineFailed, "no file system", "e2fsck", "see: ssictl pdr show");
    const auto logs = comparable(find(lock_, area_says(unreadable)));
    ASSERT_FALSE(logs) << "what only the witness knew would be lost";
    EXPECT_EQ(logs.error().what, "no file system");
    EXPECT_NE(logs.error().remedy.find("witness = false"), std::string::npos) << "the way on, and what it costs";
}

TEST_F(ForcedRecoveryTest, goes_on_without_the_witness_when_the_PDR_itself_cannot_be_read_and_says_so) {
    ::testing::internal::CaptureStderr();
    const auto logs = comparable(find(std::nullopt, area_says(log_of(kWitnessName, 11))), {log_of("MEMBER2", 9)});
    const auto journal = ::testing::internal::GetCapturedStderr();
    ASSERT_TRUE(logs) << logs.error().text();
    EXPECT_EQ(*logs, std::vector{log_of("MEMBER2", 9)});
    EXPECT_TRUE(force(*logs));
    EXPECT_EQ(areas_read_, 0);
    EXPECT_NE(journal.find("the PDR cannot be read"), std::string::npos) << journal;
}

TEST_F(ForcedRecoveryTest, is_compared_with_the_log_in_the_witness_s_area) {
    const auto newer = comparable(find(lock_, area_says(log_of(kWitnessName, 11))));
    ASSERT_TRUE(newer);
    EXPECT_EQ(force(*newer).error().object, kWitnessName);
    const auto same = comparable(find(lock_, area_says(log_of(kWitnessName, 10))));
    ASSERT_TRUE(same);
    EXPECT_TRUE(force(*same));
    lock_.data.reset();
    const auto none = comparable(find(lock_, area_says(log_of(kWitnessName, 11))));
    ASSERT_TRUE(none);
    EXPECT_TRUE(none->empty()) << "it has no data anywhere";
}

TEST_F(ForcedRecoveryTest, is_not_compared_with_a_witness_that_is_no_voter) {
    Seat only;
    only.member = name_of(1);
    const auto logs = comparable(find(lock_, area_says(log_of(kWitnessName, 11))), {log_of(kWitnessName, 12)}, {only});
    ASSERT_TRUE(logs);
    EXPECT_TRUE(logs->empty()) << "after a forced recovery it tells of a lineage before";
    EXPECT_EQ(areas_read_, 0);
}

TEST_F(ForcedRecoveryTest, hears_of_the_witness_from_its_live_holder_and_leaves_the_area_alone) {
    run_witness(12);
    const auto service = places_.links / "MEMBER2/engine-log";
    std::filesystem::create_directories(service.parent_path());
    auto holder = LogServer::listen(io_.get_executor(), service, [this]() -> Result<LogReports> {
        auto here = witness_log_here(places_, kLineage);
        if (!here) return std::unexpected(here.error());
        return LogReports{log_of("MEMBER2", 9), *std::move(here)};
    });
    ASSERT_TRUE(holder) << holder.error().text();
    boost::asio::co_spawn(io_, holder->run(), [](const std::exception_ptr&) {});
    // MEMBER3 does not answer.
    const auto told =
        test::run(io_, reachable_logs(io_.get_executor(), config_, name_of(1), places_.links.parent_path()));
    EXPECT_EQ(told, (std::vector{log_of("MEMBER2", 9), log_of(kWitnessName, 12)}));
    const auto logs = comparable(find(lock_, area_says(log_of(kWitnessName, 8))), told);
    ASSERT_TRUE(logs);
    EXPECT_EQ(*logs, told);
    EXPECT_EQ(areas_read_, 0);
    EXPECT_EQ(force(*logs).error().object, kWitnessName);
}

TEST_F(ForcedRecoveryTest, finds_the_witness_that_runs_here) {
    run_witness(10);
    const auto logs = comparable(find(std::nullopt, area_says(log_of(kWitnessName, 11))));
    ASSERT_TRUE(logs) << logs.error().text();
    EXPECT_EQ(*logs, std::vector{log_of(kWitnessName, 10)});
    std::fstream(wal()).seekp(200) << "damaged";
    EXPECT_FALSE(comparable(find(std::nullopt, area_says(log_of(kWitnessName, 10)))));
}

/// A volume that is a file, with one area.
class WitnessAreaTest : public ForcedRecoveryTest {
  protected:
    void SetUp() override {
        const auto device = folder_.path() / "pdr";
        std::ofstream(device).close();
        std::filesystem::resize_file(device, pdr::kWitnessAt + pdr::kWitnessArea);
        auto disk = pdr::DirectDisk::open(device, pdr::DiskAccess::kReadWrite);
        if (!disk) GTEST_SKIP() << disk.error().text();
        ASSERT_TRUE(pdr::format(**disk, {"TEST", {}}, {}));
        pdr::Block garbage;
        garbage.bytes.fill(std::byte('x'));
        ASSERT_TRUE((*disk)->write(pdr::witness_at(MemberSlot::from(1).value()), std::span(&garbage, 1)));
        volume_ = std::make_shared<WitnessVolume>(WitnessVolume::Settings{
            device, {"TEST", {}}, MemberSlot::from(1).value(), folder_.path() / "pdr-lock-here"});
    }
    Result<LogReport> read(int slot) {
        BlockingCalls calls(io_.get_executor(), 1);
        return test::run(io_, witness_log_in_area(calls, volume_, MemberSlot::from(slot).value(), copy(), kLineage),
                         60s);
    }
    [[nodiscard]] std::filesystem::path copy() const { return folder_.path() / "copy"; }

    std::shared_ptr<WitnessVolume> volume_;
};

TEST_F(WitnessAreaTest, that_holds_no_file_system_is_an_error_and_leaves_no_copy_behind) {
    EXPECT_FALSE(read(1));
    EXPECT_FALSE(std::filesystem::exists(copy()));
}

TEST_F(WitnessAreaTest, that_is_not_on_the_volume_is_an_error) {
    const auto report = read(2);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, ErrorCode::kPdrUnreadable);
}

}  // namespace
}  // namespace ssi::cluster
