#include <gtest/gtest.h>

#include <string>

#include "lib/common/system_config.hpp"

namespace ssi {
namespace {

const std::string kTwoMembers = R"([cluster]
name = "LAB"
uuid = "11111111-2222-3333-4444-555555555501"

[[member]]
name = "MEMBER2"
slot = 2

[[member]]
name = "MEMBER1"
slot = 1
host = "kvm01"
)";

std::string diagnostic(const std::string& text) {
    const auto config = parse_system_config(text, "system.toml");
    return config ? "no error" : config.error().what;
}

testing::AssertionResult contains(const std::string& text, const std::string& part) {
    if (text.find(part) != std::string::npos) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "'" << part << "' is not in:\n" << text;
}

TEST(SystemConfig, members_are_ordered_by_slot) {
    const auto config = parse_system_config(kTwoMembers, "system.toml");
    ASSERT_TRUE(config) << config.error().what;
    ASSERT_EQ(config->members.size(), 2U);
    EXPECT_EQ(config->members[0].name.str(), "MEMBER1");
    EXPECT_EQ(config->members[1].host, "MEMBER2");
}

TEST(SystemConfig, channel_ends_are_ordered_by_slot_whatever_the_file_says) {
    const auto config = parse_system_config(kTwoMembers + R"([[channel]]
members = ["MEMBER2", "MEMBER1"]
addresses = ["10.0.0.2", "fd00::1"]
interfaces = ["b", "a"]
)",
                                            "system.toml");
    ASSERT_TRUE(config) << config.error().what;
    const auto& channel = config->channels.at(0);
    EXPECT_EQ(channel.lower.member.str(), "MEMBER1");
    EXPECT_EQ(channel.lower.address, "fd00::1");
    EXPECT_EQ(channel.lower.interface, "a");
    EXPECT_EQ(channel.name, "0");
    EXPECT_EQ(channel.port, 7700);
}

TEST(SystemConfig, syntax_error_shows_file_line_column_and_caret) {
    const auto text = diagnostic("[cluster]\nname = LAB\n");
    EXPECT_TRUE(contains(text, "system.toml:2:"));
    EXPECT_TRUE(contains(text, "name = LAB"));
    EXPECT_TRUE(contains(text, "^"));
}

TEST(SystemConfig, unknown_key_is_refused_and_the_known_ones_are_listed) {
    const auto text = diagnostic(kTwoMembers + "[timing]\nscael = 2\n");
    EXPECT_TRUE(contains(text, "unknown key 'scael'"));
    EXPECT_TRUE(contains(text, "scale"));
    EXPECT_TRUE(contains(text, "system.toml:14:"));
}

TEST(SystemConfig, contradictions_are_refused_with_the_way_out) {
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + "[[member]]\nname = \"X\"\nslot = 2\n"), "slot 2 is taken"));
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + "[[member]]\nname = \"X\"\nslot = 33\n"), "use 1 to 32"));
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + "[[member]]\nname = \"MEMBER2\"\nslot = 3\n"), "defined twice"));
    EXPECT_TRUE(
        contains(diagnostic(kTwoMembers +
                            "[[channel]]\nmembers = [\"MEMBER1\", \"M9\"]\naddresses = [\"10.0.0.1\", \"10.0.0.2\"]\n"),
                 "there is no member M9"));
    EXPECT_TRUE(contains(
        diagnostic(kTwoMembers +
                   "[[channel]]\nmembers = [\"MEMBER1\", \"MEMBER2\"]\naddresses = [\"10.0.0.1\", \"host\"]\n"),
        "no IP address"));
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + "[timing]\nbeat_s = 1\nsilence_s = 2\n"), "four times"));
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + "[timing]\nscale = \"2\"\n"), "without quotes"));
}

TEST(SystemConfig, scale_stretches_every_time_but_the_fence_device) {
    const auto config = parse_system_config(kTwoMembers + R"([timing]
scale = 2
beat_s = 0.25
[[fence]]
name = "ipmi"
agent = "fence_ipmilan"
timeout_s = 7
plugs = { MEMBER1 = "3" }
)",
                                            "system.toml");
    ASSERT_TRUE(config) << config.error().what;
    EXPECT_EQ(config->timing.beat.count(), 500);
    EXPECT_EQ(config->timing.silence.count(), 6000);
    EXPECT_EQ(config->fences.at(0).timeout.count(), 7000);
    EXPECT_EQ(config->fences.at(0).agent, "/usr/sbin/fence_ipmilan");
    EXPECT_EQ(config->fences.at(0).plug_of(config->members[0].name), "3");
    EXPECT_EQ(config->fences.at(0).plug_of(config->members[1].name), "MEMBER2");
}

TEST(SystemConfig, voters_are_odd) {
    std::string text = "[cluster]\nname = \"LAB\"\nuuid = \"11111111-2222-3333-4444-555555555501\"\n";
    const std::array<std::size_t, 8> expected{1, 1, 3, 3, 5, 5, 5, 5};
    for (std::size_t members = 1; members <= expected.size(); ++members) {
        text += std::format("[[member]]\nname = \"M{0}\"\nslot = {0}\n", members);
        const auto config = parse_system_config(text, "system.toml");
        ASSERT_TRUE(config);
        EXPECT_EQ(config->voters().size(), expected[members - 1]);
    }
}

TEST(SystemConfig, own_member_is_found_by_host_or_by_name) {
    const auto config = *parse_system_config(kTwoMembers, "system.toml");
    EXPECT_EQ(own_member(config, "", "kvm01")->str(), "MEMBER1");
    EXPECT_EQ(own_member(config, "MEMBER2", "kvm01")->str(), "MEMBER2");
    EXPECT_EQ(own_member(config, "", "elsewhere").error().code, ErrorCode::kMemberUnknown);
}

}  // namespace
}  // namespace ssi
