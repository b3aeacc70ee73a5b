#include <gtest/gtest.h>

#include <map>
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
    EXPECT_EQ(channel.encryption, Encryption::kTls);
}

TEST(SystemConfig, channel_without_encryption_says_so_in_a_known_word) {
    const std::string channel =
        "[[channel]]\nmembers = [\"MEMBER1\", \"MEMBER2\"]\naddresses = [\"10.0.0.1\", \"10.0.0.2\"]\n";
    const auto config = parse_system_config(kTwoMembers + channel + "encryption = \"none\"\n", "system.toml");
    ASSERT_TRUE(config) << config.error().what;
    EXPECT_EQ(config->channels.at(0).encryption, Encryption::kNone);
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + channel + "encryption = \"off\"\n"), "use \"tls\" or \"none\""));
}

/// Two members and a ctc channel; what is given replaces the same key of it.
std::string with_ctc(const std::string& key = "", const std::string& value = "") {
    std::map<std::string, std::string> keys{{"members", R"(["MEMBER2", "MEMBER1"])"},
                                            {"addresses", R"(["10.1.0.2", "10.1.0.1"])"},
                                            {"driver", R"("ctc")"},
                                            {"devices", R"([["0.0.0700", "0.0.0701"], ["0.0.0600", "0.0.060A"]])"}};
    if (!key.empty()) keys[key] = value;
    std::string text = "[[channel]]\n";
    for (const auto& [name, content] : keys) text += name + " = " + content + "\n";
    return text;
}

TEST(SystemConfig, ctc_channel_has_two_subchannels_at_each_end) {
    const auto config = parse_system_config(kTwoMembers + with_ctc("buffer", "65535"), "system.toml");
    ASSERT_TRUE(config) << config.error().what;
    const auto& channel = config->channels.at(0);
    EXPECT_EQ(channel.driver, ChannelDriver::kCtc);
    EXPECT_EQ(channel.lower.devices, (CtcSubchannels{"0.0.0600", "0.0.060a"}));
    EXPECT_EQ(channel.higher.devices, (CtcSubchannels{"0.0.0700", "0.0.0701"}));
    EXPECT_EQ(channel.ctc.protocol, 0);
    EXPECT_EQ(channel.ctc.mtu, 65527);
}

TEST(SystemConfig, ctc_channel_that_cannot_work_is_refused) {
    const auto refused = [](const std::string& key, const std::string& value) {
        return diagnostic(kTwoMembers + with_ctc(key, value));
    };
    EXPECT_TRUE(contains(refused("driver", R"("ctcm")"), "there is no driver 'ctcm'"));
    EXPECT_TRUE(contains(refused("driver", R"("tcp")"), "'devices' belongs to driver \"ctc\""));
    EXPECT_TRUE(contains(refused("interfaces", R"(["ctc0", "ctc0"])"), "the kernel names them"));
    EXPECT_TRUE(contains(refused("devices", R"(["0.0.0600", "0.0.0601"])"), "must be two subchannels"));
    EXPECT_TRUE(contains(refused("devices", R"([["0600", "0.0.0601"], ["0.0.0600", "0.0.0601"]])"), "no subchannel"));
    EXPECT_TRUE(contains(refused("devices", R"([["0.0.0600", "0.0.0600"], ["0.0.0600", "0.0.0601"]])"),
                         "needs two subchannels"));
    EXPECT_TRUE(contains(refused("protocol", "2"), "use 0, 1 or 3"));
    EXPECT_TRUE(contains(refused("protocol", "0.5"), "whole number"));
    EXPECT_TRUE(contains(refused("buffer", "583"), "use 584 to 65535"));
    EXPECT_TRUE(contains(refused("mtu", "32761"), "use 576 to 32760"));
    EXPECT_TRUE(contains(refused("addresses", R"(["fd00::2", "fd00::1"])"), "carries IPv4 only"));
    EXPECT_TRUE(contains(refused("addresses", R"(["10.1.0.2", "10.1.0.2"])"), "the same address"));
}

TEST(SystemConfig, ctc_channels_share_no_subchannel_and_no_address) {
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + with_ctc() + with_ctc("port", "7701")),
                         "MEMBER2 has subchannel 0.0.0700 in two channels"));
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + with_ctc() +
                                    R"([[channel]]
members = ["MEMBER1", "MEMBER2"]
addresses = ["10.1.0.1", "10.1.0.4"]
driver = "ctc"
devices = [["0.0.0602", "0.0.0603"], ["0.0.0702", "0.0.0703"]]
)"),
                         "10.1.0.1 is used by two ctc channels"));
}

TEST(SystemConfig, syntax_error_shows_file_line_column_and_caret) {
    const auto text = diagnostic("[cluster]\nname = LAB\n");
    EXPECT_TRUE(contains(text, "system.toml:2:"));
    EXPECT_TRUE(contains(text, "name = LAB"));
    EXPECT_TRUE(contains(text, "^"));
}

TEST(SystemConfig, what_is_no_table_shows_its_place) {
    EXPECT_TRUE(contains(diagnostic("cluster = 1\n"), "system.toml:1:11: "));
    EXPECT_TRUE(contains(diagnostic("timing = 1\n" + kTwoMembers), "system.toml:1:10: "));
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + "[[fence]]\nname = \"x\"\nagent = \"x\"\noptions = 1\n"),
                         "this must be a table"));
}

TEST(SystemConfig, text_with_control_characters_is_refused) {
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + "[tls]\ndirectory = \"/a\\u0000b\"\n"), "control character"));
}

TEST(SystemConfig, nesting_that_the_parser_does_not_survive_is_refused) {
    EXPECT_TRUE(contains(diagnostic("a = " + std::string(100'000, '[')), "system.toml:1:69: "));
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
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + "[timing]\nfence_s = 1\n"), "three times"));
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + "[timing]\nfence_s = 4\n"), "no more than silence_s"));
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
    EXPECT_EQ(config->timing.fence.count(), 3000);
    EXPECT_EQ(config->fences.at(0).timeout.count(), 7000);
    EXPECT_EQ(config->fences.at(0).agent, "/usr/sbin/fence_ipmilan");
    EXPECT_EQ(config->fences.at(0).plug_of(config->members[0].name), "3");
    EXPECT_EQ(config->fences.at(0).plug_of(config->members[1].name), "MEMBER2");
}

TEST(SystemConfig, a_logical_link_has_bounds_that_can_be_set) {
    const auto standard = parse_system_config(kTwoMembers, "system.toml");
    ASSERT_TRUE(standard);
    EXPECT_EQ(standard->link.memory_mib, 64);
    EXPECT_EQ(standard->link.timeout.count(), 5000);
    const auto config = parse_system_config(
        kTwoMembers + "[timing]\nscale = 2\n[link]\nmemory_mib = 256\ntimeout_s = 3\n", "system.toml");
    ASSERT_TRUE(config) << config.error().what;
    EXPECT_EQ(config->link.memory_mib, 256);
    EXPECT_EQ(config->link.timeout.count(), 6000);
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + "[link]\nmemory_mib = 1\n"), "4"));
}

TEST(SystemConfig, the_pdr_carries_the_witness_unless_it_is_told_not_to) {
    const auto standard = parse_system_config(kTwoMembers + "[pdr]\ndevice = \"/dev/pdr\"\n", "system.toml");
    ASSERT_TRUE(standard) << standard.error().what;
    EXPECT_TRUE(standard->pdr.witness);
    const auto without =
        parse_system_config(kTwoMembers + "[pdr]\ndevice = \"/dev/pdr\"\nwitness = false\n", "system.toml");
    ASSERT_TRUE(without) << without.error().what;
    EXPECT_FALSE(without->pdr.witness);
    EXPECT_TRUE(
        contains(diagnostic(kTwoMembers + "[pdr]\ndevice = \"/dev/pdr\"\nwitness = \"no\"\n"), "true or false"));
}

TEST(SystemConfig, fence_methods_are_kept_in_the_order_of_the_file) {
    const auto config = parse_system_config(kTwoMembers + R"([[fence]]
name = "ipmi"
agent = "fence_ipmilan"
credentials = "/etc/ssi/fence/ipmi"
[[fence]]
name = "watchdog"
method = "time"
[[fence]]
name = "last"
method = "operator"
)",
                                            "system.toml");
    ASSERT_TRUE(config) << config.error().what;
    ASSERT_EQ(config->fences.size(), 3U);
    EXPECT_EQ(config->fences[0].method, FenceMethod::kAgent);
    EXPECT_EQ(config->fences[0].credentials, "/etc/ssi/fence/ipmi");
    EXPECT_EQ(config->fences[1].method, FenceMethod::kTime);
    EXPECT_EQ(config->fences[2].method, FenceMethod::kOperator);
}

TEST(SystemConfig, fence_methods_that_make_no_sense_are_refused) {
    const std::string fence = "[[fence]]\nname = \"x\"\n";
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + fence), "'agent' is missing"));
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + fence + "method = \"magic\"\n"), "there is no method 'magic'"));
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + fence + "method = \"time\"\nagent = \"fence_x\"\n"),
                         "'agent' belongs to method \"agent\""));
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + fence + "agent = \"fence_x\"\ncredentials = \"password\"\n"),
                         "a path must be absolute"));
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + fence + "method = \"time\"\n" + fence + "method = \"time\"\n"),
                         "fence x is defined twice"));
    EXPECT_TRUE(contains(
        diagnostic(kTwoMembers + fence + "method = \"operator\"\n[[fence]]\nname = \"y\"\n" + "agent = \"fence_x\"\n"),
        "fence y is never tried"));
}

TEST(SystemConfig, reservations_name_volumes_and_need_a_pdr) {
    const std::string pdr = "[pdr]\ndevice = \"/dev/pdr\"\n";
    const std::string fence = "[[fence]]\nname = \"disks\"\nmethod = \"reservations\"\n";
    const auto config = parse_system_config(
        kTwoMembers + pdr + fence + "volumes = [\"/dev/a\", \"/dev//b\"]\nall_disks = true\ntimeout_s = 5\n",
        "system.toml");
    ASSERT_TRUE(config) << config.error().what;
    const auto& parsed = config->fences.at(0);
    EXPECT_EQ(parsed.method, FenceMethod::kReservations);
    EXPECT_EQ(parsed.volumes, (std::vector<std::filesystem::path>{"/dev/a", "/dev/b"}));
    EXPECT_TRUE(parsed.all_disks);
    EXPECT_EQ(parsed.timeout, std::chrono::seconds(5));
    const auto standard = parse_system_config(kTwoMembers + pdr + fence, "system.toml");
    ASSERT_TRUE(standard) << standard.error().what;
    EXPECT_FALSE(standard->fences.at(0).all_disks) << "nobody has said so";

    EXPECT_TRUE(contains(diagnostic(kTwoMembers + fence), "reservations prove nothing without a PDR"));
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + pdr + fence + "volumes = \"/dev/a\"\n"), "this must be a list"));
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + pdr + fence + "volumes = [\"a\"]\n"), "a path must be absolute"));
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + pdr + fence + "volumes = [\"/a\", \"/a\"]\n"), "is named twice"));
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + pdr + fence + "agent = \"fence_x\"\n"),
                         "'agent' belongs to method \"agent\""));
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + "[[fence]]\nname = \"x\"\nagent = \"y\"\nall_disks = true\n"),
                         "'all_disks' belongs to method \"reservations\""));
    EXPECT_TRUE(
        contains(diagnostic(kTwoMembers + pdr + fence + "[[fence]]\nname = \"more\"\nmethod = \"reservations\"\n"),
                 "name all volumes in one"));
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

TEST(SystemConfig, pdr_and_watchdogs_are_read) {
    const auto config =
        parse_system_config(kTwoMembers + "watchdog = \"hardware\"\n[pdr]\ndevice = \"/dev/pdr\"\n", "system.toml");
    ASSERT_TRUE(config) << config.error().what;
    EXPECT_EQ(config->pdr.device, "/dev/pdr");
    EXPECT_EQ(config->members[0].watchdog, WatchdogConfig::kHardware);
    EXPECT_EQ(config->members[1].watchdog, WatchdogConfig::kNone);
    EXPECT_TRUE(parse_system_config(kTwoMembers, "system.toml")->pdr.device.empty());
}

TEST(SystemConfig, lease_that_an_election_would_end_and_watchdog_without_a_path_are_refused) {
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + "[timing]\nlease_s = 3\n"), "lease_s must be at least"));
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + "[timing]\nwatchdog_s = 1\n"), "watchdog_s must be at least"));
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + "watchdog_device = \"dog\"\n"), "a path must be absolute"));
}

TEST(SystemConfig, pdr_without_a_path_and_watchdogs_that_do_not_exist_are_refused) {
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + "[pdr]\n"), "'device' is missing"));
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + "[pdr]\ndevice = \"pdr\"\n"), "a path must be absolute"));
    EXPECT_TRUE(contains(diagnostic(kTwoMembers + "watchdog = \"cat\"\n"), "there is no watchdog 'cat'"));
}

}  // namespace
}  // namespace ssi
