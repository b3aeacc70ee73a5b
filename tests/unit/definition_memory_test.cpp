/// What a member keeps about definitions on its own disk: what it last had in common with the directory, and edits that
/// were not taken.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "daemons/ssid/guests/kept_edits.hpp"
#include "daemons/ssid/guests/known_definitions.hpp"
#include "lib/common/text_file.hpp"
#include "tests/unit/state_builder.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi::cluster {
namespace {

class DefinitionMemory : public ::testing::Test {
  protected:
    test::TemporaryDirectory directory_;
    std::filesystem::path file_ = directory_.path() / "directory.json";
};

TEST_F(DefinitionMemory, a_member_that_was_in_no_cluster_has_none) {
    KnownDefinitions known(file_);
    const auto loaded = known.load();
    ASSERT_TRUE(loaded);
    EXPECT_FALSE(*loaded);
    ASSERT_TRUE(known.save());
    EXPECT_TRUE(KnownDefinitions(file_).load().value()) << "an empty one says that it was in one";
}

TEST_F(DefinitionMemory, what_was_known_is_known_after_a_restart) {
    KnownDefinitions before(file_);
    before.set(guest("a"), {7, "digest", "of the directory", true});
    before.set(guest("b \"c\""), {0, "other", "", false});
    before.set(guest("gone"), {1, "", "", false});
    before.forget(guest("gone"));
    ASSERT_TRUE(before.save());

    KnownDefinitions after(file_);
    ASSERT_TRUE(after.load());
    EXPECT_EQ(after.all(), before.all());
    EXPECT_EQ(after.find(guest("a")), (KnownDefinition{7, "digest", "of the directory", true}));
    EXPECT_EQ(after.find(guest("gone")), std::nullopt);
}

TEST_F(DefinitionMemory, a_file_that_is_not_ours_is_an_error_and_changes_nothing) {
    for (const auto* text : {"", "[]", R"({"v":1})", R"({"v":1,"guests":{"a":1}})", R"({"v":1,"guests":{"a":{}}})",
                             R"({"v":1,"guests":{"a/b":{"version":1,"digest":"x"}}})"}) {
        std::ofstream(file_, std::ios::trunc) << text;
        KnownDefinitions known(file_);
        known.set(guest("a"), {1, "x", "", false});
        EXPECT_FALSE(known.load()) << text;
        EXPECT_EQ(known.all().size(), 1U);
    }
}

TEST_F(DefinitionMemory, an_edit_that_was_not_taken_can_be_read_again) {
    const KeptEdits kept(directory_.path() / "conflicts");
    EXPECT_TRUE(kept.all().value().empty());
    const std::string xml = "<domain type='qemu'>\n  <name>linux.01</name>\n</domain>\n";
    const auto first = kept.keep(guest("linux.01"), xml, "version 4 -- by root\nat MEMBER2--", 1'000'000);
    ASSERT_TRUE(first) << first.error().text();
    EXPECT_TRUE(read_text_file(first->file)->ends_with(xml));
    const auto second = kept.keep(guest("linux.01"), xml, "later", 2'000'000);
    ASSERT_TRUE(second);
    std::ofstream(directory_.path() / "conflicts" / "notes.txt") << "not ours";

    const auto all = kept.all();
    ASSERT_TRUE(all);
    EXPECT_EQ(*all, (std::vector{*second, *first}));
    EXPECT_EQ(all->back().why, "version 4 -  by root at MEMBER2- ");
    EXPECT_EQ(std::filesystem::status(directory_.path() / "conflicts").permissions(),
              std::filesystem::perms::owner_all);
}

TEST_F(DefinitionMemory, two_edits_of_one_second_are_both_kept) {
    const KeptEdits kept(directory_.path() / "conflicts");
    const auto first = kept.keep(guest("a"), "<domain/>", "one", 5);
    const auto second = kept.keep(guest("a"), "<domain/>", "two", 5);
    ASSERT_TRUE(first && second);
    EXPECT_NE(first->file, second->file);
    EXPECT_EQ(kept.all().value().size(), 2U);
}

}  // namespace
}  // namespace ssi::cluster
