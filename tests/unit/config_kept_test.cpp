// A daemon's start with a system.toml that was broken by hand: with what it ran with before, in this boot.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "lib/common/config/kept_config.hpp"
#include "lib/common/text_file.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi {
namespace {

const std::string kShortFile = R"([cluster]
name = "PROD"
uuid = "6f0e2a30-1b5c-4c6e-9d0a-7d2f1c9b8e11"
[[member]]
name = "MEMBER1"
slot = 1
)";

class KeptConfigTest : public ::testing::Test {
  protected:
    void write(std::string_view text) const { std::ofstream(file) << text; }
    [[nodiscard]] KeptConfig kept() const { return {file, copy}; }

    test::TemporaryDirectory directory;
    std::filesystem::path file = directory.path() / "system.toml";
    std::filesystem::path copy = directory.path() / "kept.toml";
};

TEST_F(KeptConfigTest, a_file_that_is_well_is_what_counts) {
    kept().keep(kShortFile);
    write(kShortFile + "[timing]\nscale = 3\n");
    const auto start = kept().load("MEMBER1");
    ASSERT_TRUE(start) << start.error().what;
    EXPECT_FALSE(start->fault);
    EXPECT_EQ(start->document.config.timing.scale, 3.0);
}

TEST_F(KeptConfigTest, a_broken_file_is_told_of_and_what_was_used_before_is_used) {
    kept().keep(kShortFile);
    write("[cluster\n");
    const auto start = kept().load("MEMBER1");
    ASSERT_TRUE(start) << start.error().what;
    ASSERT_TRUE(start->fault);
    EXPECT_EQ(start->fault->code, ErrorCode::kConfigInvalid);
    EXPECT_EQ(start->document.config.cluster, "PROD");
    EXPECT_EQ(start->own.str(), "MEMBER1");
    kept().keep(start->text);
    EXPECT_EQ(read_text_file(copy), kShortFile) << "the broken text is never kept";
}

TEST_F(KeptConfigTest, a_file_in_which_this_member_is_missing_or_that_is_away_is_broken_too) {
    kept().keep(kShortFile);
    auto other = kShortFile;
    write(other.replace(other.find("MEMBER1"), 7, "MEMBER9"));
    const auto renamed = kept().load("MEMBER1");
    ASSERT_TRUE(renamed && renamed->fault);
    EXPECT_EQ(renamed->fault->code, ErrorCode::kMemberUnknown);
    std::filesystem::remove(file);
    const auto away = kept().load("MEMBER1");
    ASSERT_TRUE(away && away->fault);
    EXPECT_EQ(away->fault->code, ErrorCode::kConfigMissing);
}

TEST_F(KeptConfigTest, without_a_copy_the_fault_of_the_file_is_the_answer) {
    write("[cluster\n");
    const auto start = kept().load("MEMBER1");
    ASSERT_FALSE(start);
    EXPECT_EQ(start.error().code, ErrorCode::kConfigInvalid);
    EXPECT_EQ(start.error().object, file.string());
}

TEST_F(KeptConfigTest, a_copy_that_is_of_no_use_changes_nothing) {
    kept().keep("garbage");
    write("[cluster\n");
    const auto start = kept().load("MEMBER1");
    ASSERT_FALSE(start);
    EXPECT_EQ(start.error().object, file.string());
}

}  // namespace
}  // namespace ssi
