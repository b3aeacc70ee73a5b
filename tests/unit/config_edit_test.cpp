// Changing the members in a system.toml: what a careful administrator would have done to the text.
#include <gtest/gtest.h>

#include "lib/common/config/document.hpp"
#include "lib/common/config/edit.hpp"

namespace ssi {
namespace {

const std::string kCommentedFile = R"(# The cluster of the test.
[cluster]
name = "LAB"  # short
uuid = "11111111-2222-3333-4444-555555555501"

# The first one.
[[member]]
name = "MEMBER1"
slot = 1

# The second one.
[[member]]
name = "MEMBER2"
slot = 2
host = "kvm2"

[[channel]]
members = ["MEMBER1", "MEMBER2"]
addresses = ["10.0.0.1", "10.0.0.2"]

# How to power them off.
[[fence]]
name = "ipmi"
agent = "x"
plugs = { MEMBER1 = "1", MEMBER2 = "2" }
)";

MemberName name(const std::string& text) {
    return MemberName::parse(text).value();
}

void expect_valid(const Result<std::string>& text) {
    ASSERT_TRUE(text) << text.error().text();
    const auto parsed = parse_config_document(*text, "system.toml");
    EXPECT_TRUE(parsed) << parsed.error().what << "\n" << *text;
}

std::string without(std::string text, const std::string& part) {
    const auto at = text.find(part);
    EXPECT_NE(at, std::string::npos) << part;
    return text.erase(at, part.size());
}

std::string with(std::string text, const std::string& part, const std::string& instead) {
    const auto at = text.find(part);
    EXPECT_NE(at, std::string::npos) << part;
    return text.replace(at, part.size(), instead);
}

TEST(ConfigEdit, a_member_is_added_behind_the_last_one_and_its_channels_behind_the_last_channel) {
    const auto edited =
        add_member(kCommentedFile, "system.toml",
                   {name("MEMBER3"), *MemberSlot::from(3), "kvm3", {{name("MEMBER1"), "10.0.1.3", "10.0.1.1"}}});
    expect_valid(edited);
    auto expected = with(kCommentedFile, "host = \"kvm2\"\n",
                         "host = \"kvm2\"\n\n[[member]]\nname = \"MEMBER3\"\nslot = 3\nhost = \"kvm3\"\n");
    expected = with(expected, "addresses = [\"10.0.0.1\", \"10.0.0.2\"]\n",
                    "addresses = [\"10.0.0.1\", \"10.0.0.2\"]\n\n[[channel]]\nmembers = [\"MEMBER1\", \"MEMBER3\"]\n"
                    "addresses = [\"10.0.1.1\", \"10.0.1.3\"]\n");
    EXPECT_EQ(*edited, expected);
}

TEST(ConfigEdit, a_member_is_removed_with_its_channels_and_plugs_and_nothing_else) {
    const auto edited = remove_member(kCommentedFile, "system.toml", name("MEMBER2"));
    expect_valid(edited);
    auto expected = without(kCommentedFile,
                            "\n[[channel]]\nmembers = [\"MEMBER1\", \"MEMBER2\"]\n"
                            "addresses = [\"10.0.0.1\", \"10.0.0.2\"]\n");
    expected = without(expected, "[[member]]\nname = \"MEMBER2\"\nslot = 2\nhost = \"kvm2\"\n");
    expected = without(expected, ", MEMBER2 = \"2\"");
    EXPECT_EQ(*edited, expected) << "comments stay: a person wrote them";
    const auto first = remove_member(kCommentedFile, "system.toml", name("MEMBER1"));
    expect_valid(first);
    EXPECT_NE(first->find("plugs = { MEMBER2 = \"2\" }"), std::string::npos) << *first;
}

TEST(ConfigEdit, a_member_is_renamed_wherever_it_is_named_and_its_machine_keeps_its_host_name) {
    const auto edited = rename_member(kCommentedFile, "system.toml", name("MEMBER1"), name("ALPHA"));
    expect_valid(edited);
    auto expected = with(kCommentedFile, "name = \"MEMBER1\"\n", "name = \"ALPHA\"\nhost = \"MEMBER1\"\n");
    expected = with(expected, "[\"MEMBER1\", \"MEMBER2\"]", "[\"ALPHA\", \"MEMBER2\"]");
    expected = with(expected, "{ MEMBER1 = ", "{ ALPHA = ");
    EXPECT_EQ(*edited, expected);
    const auto second = rename_member(kCommentedFile, "system.toml", name("MEMBER2"), name("B"));
    expect_valid(second);
    EXPECT_EQ(parse_config_document(*second, "f")->config.find(name("B"))->host, "kvm2");
}

TEST(ConfigEdit, another_host_takes_a_members_place) {
    EXPECT_EQ(replace_host(kCommentedFile, "system.toml", name("MEMBER2"), "kvm9"),
              with(kCommentedFile, "host = \"kvm2\"", "host = \"kvm9\""));
    EXPECT_EQ(replace_host(kCommentedFile, "system.toml", name("MEMBER1"), "kvm9"),
              with(kCommentedFile, "name = \"MEMBER1\"\n", "name = \"MEMBER1\"\nhost = \"kvm9\"\n"));
}

TEST(ConfigEdit, plugs_in_a_table_of_their_own_go_line_by_line) {
    const auto text = with(kCommentedFile, "plugs = { MEMBER1 = \"1\", MEMBER2 = \"2\" }\n",
                           "[fence.plugs]\nMEMBER1 = \"1\"\nMEMBER2 = \"2\"\n");
    const auto edited = remove_member(text, "system.toml", name("MEMBER2"));
    expect_valid(edited);
    EXPECT_NE(edited->find("[fence.plugs]\nMEMBER1 = \"1\"\n"), std::string::npos) << *edited;
    EXPECT_EQ(edited->find("MEMBER2"), std::string::npos);
}

TEST(ConfigEdit, what_only_a_person_should_change_is_left_to_one) {
    const std::string inline_members =
        "member = [{ name = \"MEMBER1\", slot = 1 }, { name = \"MEMBER2\", slot = 2 }]\n"
        "[cluster]\nname = \"LAB\"\nuuid = \"11111111-2222-3333-4444-555555555501\"\n";
    const auto refused = remove_member(inline_members, "system.toml", name("MEMBER2"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kConfigInvalid);
    EXPECT_NE(refused.error().what.find("system.toml:1"), std::string::npos) << refused.error().what;
}

TEST(ConfigEdit, members_that_are_there_or_not_are_refused) {
    EXPECT_EQ(remove_member(kCommentedFile, "f", name("MEMBER9")).error().code, ErrorCode::kMemberUnknown);
    EXPECT_EQ(rename_member(kCommentedFile, "f", name("MEMBER9"), name("X")).error().code, ErrorCode::kMemberUnknown);
    EXPECT_EQ(add_member(kCommentedFile, "f", {name("MEMBER1"), *MemberSlot::from(3), "", {}}).error().code,
              ErrorCode::kUsage);
    EXPECT_EQ(
        add_member(kCommentedFile, "f", {name("M3"), *MemberSlot::from(3), "", {{name("M9"), "a", "b"}}}).error().code,
        ErrorCode::kMemberUnknown);
}

}  // namespace
}  // namespace ssi
