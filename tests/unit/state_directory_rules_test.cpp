#include <gtest/gtest.h>

#include <algorithm>
#include <format>

#include "daemons/ssid/state/directory_rules.hpp"
#include "daemons/ssid/state/record_keys.hpp"
#include "tests/unit/state_builder.hpp"

namespace ssi::cluster {
namespace {

DefinitionChange change(const std::string& name, std::uint64_t base, const std::string& xml) {
    auto definition = definition_of(name);
    definition.xml = xml;
    definition.change = kWord;
    return {guest(name), base, definition};
}

class DirectoryRules : public ::testing::Test {
  protected:
    bool define(const std::string& name, std::uint64_t base, const std::string& xml) {
        return at_.commit(decide_define(at_.state(), change(name, base, xml)));
    }
    ErrorCode refusal(const DefinitionChange& wanted) const {
        const auto decided = decide_define(at_.state(), wanted);
        return decided ? ErrorCode{} : decided.error().code;
    }
    ErrorCode refused_deletion(const std::string& name, std::uint64_t base) const {
        const auto decided = decide_undefine(at_.state(), guest(name), base, kWord);
        return decided ? ErrorCode{} : decided.error().code;
    }
    std::uint64_t version(const std::string& name) const {
        const auto* entry = at_.state().directory_entry(guest(name));
        return entry == nullptr ? 0 : entry->version;
    }
    StateBuilder at_;
};

TEST_F(DirectoryRules, each_change_is_the_next_version_and_says_whose_it_is) {
    EXPECT_TRUE(define("a", 0, "<one/>"));
    EXPECT_TRUE(define("a", 1, "<two/>"));
    const auto* entry = at_.state().directory_entry(guest("a"));
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->version, 2U);
    EXPECT_EQ(entry->xml, "<two/>");
    EXPECT_EQ(entry->change, kWord);
}

TEST_F(DirectoryRules, of_two_changes_of_one_version_the_second_is_refused_R3) {
    define("a", 0, "<one/>");
    define("a", 1, "<two/>");
    EXPECT_EQ(refusal(change("a", 1, "<three/>")), ErrorCode::kDefinitionChanged);
    EXPECT_EQ(refusal(change("a", 0, "<new/>")), ErrorCode::kDefinitionChanged);
    EXPECT_EQ(refusal(change("b", 4, "<gone/>")), ErrorCode::kDefinitionChanged);
}

TEST_F(DirectoryRules, of_two_that_are_decided_at_once_one_commits_R3) {
    define("a", 0, "<one/>");
    const auto first = decide_define(at_.state(), change("a", 1, "<two/>"));
    const auto second = decide_define(at_.state(), change("a", 1, "<three/>"));
    EXPECT_TRUE(at_.commit(first));
    EXPECT_FALSE(at_.commit(second));
}

TEST_F(DirectoryRules, the_same_definition_again_changes_nothing) {
    define("a", 0, "<one/>");
    const auto again = decide_define(at_.state(), change("a", 0, "<one/>"));
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->writes.empty());
}

TEST_F(DirectoryRules, a_guest_keeps_its_uuid_and_no_other_gets_it) {
    define("a", 0, "<one/>");
    auto other_uuid = change("a", 1, "<two/>");
    other_uuid.definition.uuid = definition_of("b").uuid;
    EXPECT_EQ(refusal(other_uuid), ErrorCode::kGuestUuidDiffers);
    auto same_uuid = change("b", 0, "<one/>");
    same_uuid.definition.uuid = definition_of("a").uuid;
    EXPECT_EQ(refusal(same_uuid), ErrorCode::kGuestUuidDiffers);
}

TEST_F(DirectoryRules, of_two_names_that_get_one_uuid_at_once_one_commits) {
    auto one = change("a", 0, "<one/>");
    auto two = change("b", 0, "<two/>");
    two.definition.uuid = one.definition.uuid;
    const auto first = decide_define(at_.state(), one);
    const auto second = decide_define(at_.state(), two);
    EXPECT_TRUE(at_.commit(first));
    EXPECT_FALSE(at_.commit(second));
}

TEST_F(DirectoryRules, a_definition_too_large_for_the_engine_is_refused) {
    EXPECT_EQ(refusal(change("a", 0, std::string(kLargestDefinition + 1, 'x'))), ErrorCode::kDefinitionInvalid);
}

TEST_F(DirectoryRules, a_deletion_is_a_version_too_and_later_ones_go_on_from_it) {
    define("a", 0, "<one/>");
    EXPECT_EQ(refused_deletion("a", 3), ErrorCode::kDefinitionChanged);
    EXPECT_TRUE(at_.commit(decide_undefine(at_.state(), guest("a"), 1, kWord)));
    EXPECT_EQ(version("a"), 0U);
    ASSERT_NE(at_.state().deletion(guest("a")), nullptr);
    EXPECT_EQ(at_.state().deletion(guest("a"))->version, 2U);
    EXPECT_EQ(refused_deletion("a", 1), ErrorCode{}) << "its own commit, whose answer was lost";
    auto another = kWord;
    another.who = "another";
    EXPECT_EQ(decide_undefine(at_.state(), guest("a"), 0, another).error().code, ErrorCode::kGuestUnknown);

    EXPECT_EQ(refusal(change("a", 1, "<edit of what was deleted/>")), ErrorCode::kDefinitionChanged);
    EXPECT_TRUE(define("a", 0, "<anew/>"));
    EXPECT_EQ(version("a"), 3U) << "a member that knew version 1 or 2 sees that this is another";
    EXPECT_EQ(at_.state().deletion(guest("a")), nullptr);
}

TEST_F(DirectoryRules, a_guest_that_runs_is_not_deleted) {
    at_.joined("MEMBER1");
    define("a", 0, "<one/>");
    at_.commit(decide_start(at_.state(), {guest("a"), at_.life("MEMBER1"), RunId("r1"), definition_of("a")}));
    EXPECT_EQ(refused_deletion("a", 1), ErrorCode::kGuestBusy);
}

TEST_F(DirectoryRules, a_start_that_is_decided_while_it_is_deleted_wins_or_loses_but_not_both) {
    at_.joined("MEMBER1");
    define("a", 0, "<one/>");
    const auto deletion = decide_undefine(at_.state(), guest("a"), 1, kWord);
    at_.commit(decide_start(at_.state(), {guest("a"), at_.life("MEMBER1"), RunId("r1"), definition_of("a")}));
    EXPECT_FALSE(at_.commit(deletion));
}

TEST_F(DirectoryRules, a_start_does_not_change_the_directory) {
    at_.joined("MEMBER1");
    define("a", 0, "<one/>");
    at_.commit(decide_start(at_.state(), {guest("a"), at_.life("MEMBER1"), RunId("r1"), definition_of("a")}));
    EXPECT_EQ(version("a"), 1U);
    EXPECT_EQ(at_.state().definition(guest("a"))->xml, "<one/>");
}

TEST_F(DirectoryRules, what_a_start_alone_left_behind_is_no_entry) {
    at_.joined("MEMBER1");
    at_.commit(decide_start(at_.state(), {guest("a"), at_.life("MEMBER1"), RunId("r1"), definition_of("a")}));
    EXPECT_NE(at_.state().definition(guest("a")), nullptr);
    EXPECT_EQ(at_.state().directory_entry(guest("a")), nullptr);
    EXPECT_TRUE(define("a", 0, "<one/>"));
    EXPECT_EQ(version("a"), 1U);
}

TEST_F(DirectoryRules, the_last_twenty_versions_are_kept_and_in_order) {
    define("a", 0, "<x/>");
    const auto decided = decide_define(at_.state(), change("a", 1, "<y/>"));
    ASSERT_TRUE(decided);
    EXPECT_TRUE(std::ranges::contains(decided->writes, history_key(guest("a"), 2), &Write::key));
    for (std::uint64_t base = 1; base < kKeptVersions; ++base) define("a", base, std::format("<x{}/>", base));
    const auto next = decide_define(at_.state(), change("a", kKeptVersions, "<z/>"));
    ASSERT_TRUE(next);
    EXPECT_TRUE(std::ranges::contains(next->writes, Write{history_key(guest("a"), 1), std::nullopt}));
    EXPECT_LT(history_key(guest("a"), 9), history_key(guest("a"), 10));
    EXPECT_TRUE(history_key(guest("a"), 9).starts_with(history_prefix(guest("a"))));
    EXPECT_FALSE(history_key(guest("ab"), 9).starts_with(history_prefix(guest("a"))));
}

}  // namespace
}  // namespace ssi::cluster
