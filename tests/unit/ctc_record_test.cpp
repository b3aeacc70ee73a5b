#include "daemons/isfcd/driver/ctc_record.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/temporary_directory.hpp"

namespace ssi::isfc {
namespace {

class CtcRecordTest : public ::testing::Test {
  protected:
    ssi::test::TemporaryDirectory directory_;
    std::filesystem::path file_ = directory_.path() / "ctc" / "0.0.0600";
};

TEST_F(CtcRecordTest, survives_a_restart) {
    CtcRecord before(file_);
    ASSERT_TRUE(before.add(CtcAct::kGrouped));
    ASSERT_TRUE(before.add(CtcAct::kUp));
    const CtcRecord after(file_);
    EXPECT_TRUE(after.has(CtcAct::kGrouped));
    EXPECT_FALSE(after.has(CtcAct::kOnline));
    EXPECT_TRUE(after.has(CtcAct::kUp));
}

TEST_F(CtcRecordTest, act_takes_those_with_it_that_rest_on_it) {
    CtcRecord record(file_);
    for (const auto act : {CtcAct::kGrouped, CtcAct::kOnline, CtcAct::kAddress, CtcAct::kUp})
        ASSERT_TRUE(record.add(act));
    ASSERT_TRUE(record.remove_from(CtcAct::kOnline));
    EXPECT_TRUE(record.has(CtcAct::kGrouped));
    EXPECT_FALSE(record.has(CtcAct::kOnline));
    EXPECT_FALSE(CtcRecord(file_).has(CtcAct::kUp));
    ASSERT_TRUE(record.remove_from(CtcAct::kGrouped));
    EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(CtcRecordTest, file_of_nonsense_claims_nothing) {
    std::filesystem::create_directories(file_.parent_path());
    std::ofstream(file_) << "grouped? \xff\n";
    const CtcRecord record(file_);
    for (const auto act : {CtcAct::kGrouped, CtcAct::kOnline, CtcAct::kAddress, CtcAct::kUp})
        EXPECT_FALSE(record.has(act));
}

TEST_F(CtcRecordTest, act_that_cannot_be_written_down_counts_until_the_end) {
    std::ofstream(directory_.path() / "ctc") << "a file where the directory should be";
    CtcRecord record(file_);
    EXPECT_FALSE(record.add(CtcAct::kGrouped));
    EXPECT_TRUE(record.has(CtcAct::kGrouped));
}

}  // namespace
}  // namespace ssi::isfc
