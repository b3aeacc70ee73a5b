// ssictl pdr: what an administrator sees who makes a PDR volume and looks at it.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "lib/common/pdr/lock.hpp"
#include "lib/common/pdr/verdict.hpp"
#include "lib/common/pdr/volume.hpp"
#include "tests/unit/temporary_directory.hpp"
#include "tools/ssictl/ssictl.hpp"

namespace ssi::ctl {
namespace {

constexpr auto kUuid = "6f0e2a30-1b5c-4c6e-9d0a-7d2f1c9b8e11";

struct Outcome {
    int status = 0;
    std::string output;
    std::string errors;
};

class SsictlPdr : public ::testing::Test {
  protected:
    void SetUp() override {
        std::ofstream(config()) << "[cluster]\nname = \"TESTCLUSTER\"\nuuid = \"" << kUuid
                                << "\"\n[timing]\nscale = 0.1\n[pdr]\ndevice = \"" << device().string()
                                << "\"\n[[member]]\nname = \"MEMBER1\"\nslot = 1\n";
        std::ofstream(device()).close();
        std::filesystem::resize_file(device(), 5 << 20);
        if (auto disk = pdr::DirectDisk::open(device(), pdr::DiskAccess::kRead); !disk)
            GTEST_SKIP() << disk.error().text();
    }
    [[nodiscard]] std::filesystem::path config() const { return folder_.path() / "system.toml"; }
    [[nodiscard]] std::filesystem::path device() const { return folder_.path() / "pdr"; }

    Outcome ssictl(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "pdr");
        arguments.insert(arguments.end(), {"--config", config().string()});
        std::istringstream input;
        std::ostringstream output, errors;
        const int status = run(std::move(arguments), input, output, errors, Way("unix:path=/nonexistent"), false);
        return {status, output.str(), errors.str()};
    }
    void write_slot(int slot, const std::string& member, std::uint64_t counter) {
        const auto disk = pdr::DirectDisk::open(device(), pdr::DiskAccess::kReadWrite);
        ASSERT_TRUE(disk);
        pdr::SlotSign sign;
        sign.counter = counter;
        sign.record.member = *MemberName::parse(member);
        ASSERT_TRUE(pdr::write_slot(**disk, pdr::cluster_id(*GuestUuid::parse(kUuid)), *MemberSlot::from(slot), sign));
    }

    void take_witness(int slot, const std::string& member) {
        const auto disk = pdr::DirectDisk::open(device(), pdr::DiskAccess::kReadWrite);
        ASSERT_TRUE(disk);
        const auto own = *MemberSlot::from(slot);
        pdr::PdrLock lock(**disk, pdr::cluster_id(*GuestUuid::parse(kUuid)), own);
        ASSERT_TRUE(lock.decide(
            [&](const pdr::LockRecord&) -> Result<std::optional<pdr::LockRecord>> {
                return pdr::LockRecord{0, pdr::LockParty{own, *MemberName::parse(member), Incarnation{3}}, own};
            },
            [](int) { return false; }));
    }

  private:
    test::TemporaryDirectory folder_;
};

TEST_F(SsictlPdr, a_blank_volume_is_formatted_shown_and_checked) {
    EXPECT_NE(ssictl({"show"}).output.find("is no PDR volume"), std::string::npos);
    const auto formatted = ssictl({"format"});
    EXPECT_EQ(formatted.status, 0) << formatted.errors;
    EXPECT_NE(formatted.output.find("PDR of cluster TESTCLUSTER"), std::string::npos);
    EXPECT_NE(ssictl({"show"}).output.find("no member has written yet"), std::string::npos);
    write_slot(1, "MEMBER1", 41);
    const auto shown = ssictl({"show"});
    EXPECT_NE(shown.output.find("MEMBER1"), std::string::npos);
    EXPECT_NE(shown.output.find("41"), std::string::npos);
    const auto checked = ssictl({"check"});
    EXPECT_EQ(checked.status, 0);
    EXPECT_NE(checked.output.find("no faults"), std::string::npos);
    EXPECT_NE(ssictl({"show", "--json"}).output.find("\"counter\": 41"), std::string::npos);
}

TEST_F(SsictlPdr, what_is_on_the_volume_is_named_and_kept_until_forced) {
    std::fstream file(device(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(0x438);
    file.write("\x53\xef", 2);
    file.close();
    const auto refused = ssictl({"format"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_NE(refused.errors.find("SSI-5012"), std::string::npos);
    EXPECT_NE(refused.errors.find("--force"), std::string::npos);
    EXPECT_EQ(ssictl({"format", "--force"}).status, 0);
    EXPECT_EQ(ssictl({"check"}).status, 0);
}

TEST_F(SsictlPdr, a_volume_that_members_left_is_formatted_anew_only_by_force) {
    ASSERT_EQ(ssictl({"format"}).status, 0);
    write_slot(1, "MEMBER1", 41);
    EXPECT_NE(ssictl({"format"}).errors.find("the PDR of cluster TESTCLUSTER"), std::string::npos);
    EXPECT_EQ(ssictl({"format", "--force"}).status, 0);
    EXPECT_NE(ssictl({"show"}).output.find("no member has written yet"), std::string::npos);
}

TEST_F(SsictlPdr, faults_are_listed_and_told_by_the_exit_status) {
    ASSERT_EQ(ssictl({"format"}).status, 0);
    write_slot(1, "SOMEBODY", 3);
    write_slot(7, "MEMBER7", 3);
    std::fstream file(device(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(pdr::block_at(pdr::BlockKind::kSlot, *MemberSlot::from(3))));
    file.write("rubbish", 7);
    file.close();
    const auto checked = ssictl({"check"});
    EXPECT_EQ(checked.status, 1);
    EXPECT_NE(checked.output.find("slot 1 is SOMEBODY's, but MEMBER1's in system.toml"), std::string::npos);
    EXPECT_NE(checked.output.find("slot 7 is MEMBER7's, but no member of system.toml has it"), std::string::npos);
    EXPECT_NE(checked.output.find("slot 3 of"), std::string::npos);
}

TEST_F(SsictlPdr, who_has_the_lock_is_shown) {
    ASSERT_EQ(ssictl({"format"}).status, 0);
    EXPECT_NE(ssictl({"show"}).output.find("lock: nobody has taken it yet"), std::string::npos);
    take_witness(1, "MEMBER1");
    EXPECT_NE(ssictl({"show"}).output.find(
                  "lock: generation 1: the witness is at MEMBER1 (incarnation 3), its data in area 1"),
              std::string::npos);
    EXPECT_NE(ssictl({"show", "--json"}).output.find("\"data\": 1"), std::string::npos);
    EXPECT_EQ(ssictl({"check"}).status, 0);
}

TEST_F(SsictlPdr, a_torn_block_of_the_lock_is_a_fault_and_the_lock_is_shown_all_the_same) {
    ASSERT_EQ(ssictl({"format"}).status, 0);
    take_witness(1, "MEMBER1");
    std::fstream file(device(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(pdr::lock_at(*MemberSlot::from(1), 2)) + 2048);
    file.write("rubbish", 7);
    file.close();
    const auto checked = ssictl({"check"});
    EXPECT_EQ(checked.status, 1);
    EXPECT_NE(checked.output.find("lock block 1a of"), std::string::npos);
    EXPECT_NE(checked.output.find("the witness is at MEMBER1"), std::string::npos);
}

TEST_F(SsictlPdr, without_a_device_the_missing_key_is_named) {
    std::ofstream(config()) << "[cluster]\nname = \"TESTCLUSTER\"\nuuid = \"" << kUuid
                            << "\"\n[[member]]\nname = \"MEMBER1\"\nslot = 1\n";
    const auto refused = ssictl({"show"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_NE(refused.errors.find("[pdr]"), std::string::npos);
    EXPECT_NE(ssictl({"show", "--device", device().string()}).output.find("is no PDR volume"), std::string::npos);
}

TEST_F(SsictlPdr, is_moved_to_another_volume_which_every_verb_then_names) {
    ASSERT_EQ(ssictl({"format"}).status, 0);
    const auto other = device().string() + "2";
    std::ofstream(other).close();
    std::filesystem::resize_file(other, 5 << 20);
    const auto moved = ssictl({"move", other});
    EXPECT_EQ(moved.status, 0) << moved.errors;
    EXPECT_NE(moved.output.find("Moved from " + device().string()), std::string::npos) << moved.output;
    EXPECT_NE(moved.output.find("device = \"" + other + "\""), std::string::npos) << moved.output;
    EXPECT_NE(ssictl({"show"}).output.find("moved to " + other), std::string::npos);
    const auto checked = ssictl({"check"});
    EXPECT_EQ(checked.status, 1);
    EXPECT_NE(checked.errors.find("moved to " + other), std::string::npos) << checked.errors;
    EXPECT_EQ(ssictl({"check", "--device", other}).status, 0);
    EXPECT_EQ(ssictl({"move", other}).status, 0) << "it is done";
    std::ofstream(other + "3").close();
    std::filesystem::resize_file(other + "3", 5 << 20);
    EXPECT_NE(ssictl({"move", other + "3"}).errors.find("moved to " + other), std::string::npos);
}

TEST_F(SsictlPdr, is_not_moved_to_a_volume_with_fewer_witness_areas_without_force) {
    std::filesystem::resize_file(device(), (4 + 512) << 20);
    ASSERT_EQ(ssictl({"format"}).status, 0);
    const auto other = device().string() + "2";
    std::ofstream(other).close();
    std::filesystem::resize_file(other, 5 << 20);
    EXPECT_NE(ssictl({"move", other}).errors.find("witness areas for 0 members"), std::string::npos);
    EXPECT_EQ(ssictl({"move", other, "--force"}).status, 0);
}

TEST_F(SsictlPdr, is_not_moved_with_a_verdict_on_it_nor_while_members_write_and_ssid_is_silent) {
    ASSERT_EQ(ssictl({"format"}).status, 0);
    const auto other = device().string() + "2";
    std::ofstream(other).close();
    std::filesystem::resize_file(other, 5 << 20);
    const auto disk = pdr::DirectDisk::open(device(), pdr::DiskAccess::kReadWrite).value();
    const auto id = pdr::cluster_id(*GuestUuid::parse(kUuid));
    pdr::Verdict verdict;
    verdict.member = *MemberName::parse("MEMBER2");
    verdict.proof = pdr::ProofKind::kOperator;
    ASSERT_TRUE(pdr::write_verdicts(*disk, id, *MemberSlot::from(1), {verdict}));
    EXPECT_NE(ssictl({"move", other}).errors.find("a verdict about MEMBER2 is recorded"), std::string::npos);
    ASSERT_TRUE(pdr::write_verdicts(*disk, id, *MemberSlot::from(1), {}));
    write_slot(1, "MEMBER1", 1);
    std::jthread member([&](const std::stop_token& end) {
        for (std::uint64_t counter = 2; !end.stop_requested(); ++counter) write_slot(1, "MEMBER1", counter);
    });
    EXPECT_NE(ssictl({"move", other}).errors.find("is writing to"), std::string::npos);
}

TEST_F(SsictlPdr, is_not_moved_while_the_witness_runs_from_it) {
    ASSERT_EQ(ssictl({"format"}).status, 0);
    const auto other = device().string() + "2";
    std::ofstream(other).close();
    std::filesystem::resize_file(other, 5 << 20);
    take_witness(1, "MEMBER1");
    EXPECT_NE(ssictl({"move", other}).errors.find("the witness is at MEMBER1"), std::string::npos);
}

TEST_F(SsictlPdr, is_not_moved_to_a_path_that_means_something_else_elsewhere) {
    ASSERT_EQ(ssictl({"format"}).status, 0);
    EXPECT_NE(ssictl({"move", "pdr2"}).errors.find("no absolute path"), std::string::npos);
}

}  // namespace
}  // namespace ssi::ctl
