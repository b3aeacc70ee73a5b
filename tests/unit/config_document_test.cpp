// What system.toml says, key by key: all its problems, its defaults, and the form in which members compare it.
#include <gtest/gtest.h>

#include <algorithm>

#include "lib/common/config/document.hpp"
#include "lib/common/config/shared.hpp"

namespace ssi {
namespace {

const std::string kHead = R"([cluster]
name = "LAB"
uuid = "11111111-2222-3333-4444-555555555501"
)";
const std::string kMembers = R"([[member]]
name = "MEMBER1"
slot = 1
[[member]]
name = "MEMBER2"
slot = 2
)";
const std::string kChannel = R"([[channel]]
members = ["MEMBER1", "MEMBER2"]
addresses = ["10.0.0.1", "10.0.0.2"]
interfaces = ["a", "b"]
)";

ConfigDocument document(const std::string& text) {
    auto read = read_config_document(text, "system.toml");
    EXPECT_TRUE(read) << (read ? "" : read.error().front().diagnostic);
    return read ? *std::move(read) : ConfigDocument{};
}

std::vector<ConfigProblem> problems(const std::string& text) {
    auto read = read_config_document(text, "system.toml");
    return read ? std::vector<ConfigProblem>{} : std::move(read.error());
}

SharedConfig shared(const std::string& text) {
    return shared_config(document(text).entries);
}

const ConfigEntry* entry(const ConfigDocument& document, const std::string& path) {
    const auto found = std::ranges::find(document.entries, path, &ConfigEntry::path);
    return found == document.entries.end() ? nullptr : &*found;
}

TEST(ConfigProblems, are_all_named_in_the_order_of_the_file) {
    const auto found = problems(R"([cluster]
name = "LAB"
uuid = "no uuid"
[timing]
scael = 1
beat_s = "x"
[[member]]
name = "MEMBER1"
slot = 99
watchdog = "cat"
[[channel]]
members = ["MEMBER1", "MEMBER7"]
addresses = ["10.0.0.1", "host"]
port = 0
[[fence]]
agent = "x"
plugs = { MEMBER8 = "1" }
)");
    std::vector<std::size_t> lines;
    for (const auto& problem : found) lines.push_back(problem.line);
    EXPECT_EQ(lines, (std::vector<std::size_t>{3, 5, 6, 9, 10, 12, 13, 14, 15, 17}));
    for (const auto& problem : found) {
        EXPECT_TRUE(problem.diagnostic.starts_with(std::format("system.toml:{}:{}: ", problem.line, problem.column)));
        EXPECT_NE(problem.diagnostic.find('^'), std::string::npos) << problem.diagnostic;
        EXPECT_FALSE(problem.what.empty() || problem.remedy.empty());
    }
}

TEST(ConfigProblems, do_not_follow_from_one_another) {
    const auto unclear = problems(kHead + "[[member]]\nname = \"no name\"\nslot = 1\n" + kChannel);
    ASSERT_EQ(unclear.size(), 1U) << "which members the channel means is not known";
    EXPECT_EQ(unclear[0].line, 5U);
    EXPECT_EQ(problems(kHead + kChannel).size(), 1U) << "no member is defined";
    EXPECT_EQ(problems(kHead + kMembers + "[[member]]\nname = \"MEMBER1\"\nslot = 3\n").size(), 1U);
}

TEST(ConfigProblems, of_syntax_have_their_place_too) {
    const auto found = problems("[cluster]\nname = LAB\n");
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(found[0].line, 2U);
    EXPECT_TRUE(found[0].diagnostic.starts_with("system.toml:2:")) << found[0].diagnostic;
}

TEST(ConfigEntries, have_what_is_set_with_its_line_and_what_is_not_with_its_default) {
    const auto config = document(kHead + "[timing]\nbeat_s = 0.25\n" + kMembers + kChannel);
    EXPECT_EQ(entry(config, "timing.beat_s")->value, "0.25");
    EXPECT_TRUE(entry(config, "timing.beat_s")->is_set);
    EXPECT_EQ(entry(config, "timing.beat_s")->line, 5U);
    EXPECT_EQ(entry(config, "timing.silence_s")->value, "3");
    EXPECT_FALSE(entry(config, "timing.silence_s")->is_set);
    EXPECT_EQ(entry(config, "member.MEMBER2.host")->value, "\"MEMBER2\"");
    EXPECT_EQ(entry(config, "channel.MEMBER1/MEMBER2/0.port")->value, "7700");
    EXPECT_EQ(entry(config, "channel.MEMBER1/MEMBER2/0.mtu"), nullptr) << "it is of ctc channels";
    EXPECT_EQ(entry(config, "pdr.device"), nullptr) << "there is none";
}

TEST(ConfigEntries, of_a_fence_are_those_of_its_method) {
    const auto config = document(
        kHead + kMembers + "[[fence]]\nname = \"a\"\nagent = \"x\"\n[[fence]]\nname = \"b\"\nmethod = \"time\"\n");
    EXPECT_EQ(entry(config, "fence.1.method")->value, "\"agent\"");
    EXPECT_EQ(entry(config, "fence.1.timeout_s")->value, "20");
    EXPECT_EQ(entry(config, "fence.2.method")->value, "\"time\"");
    EXPECT_EQ(entry(config, "fence.2.timeout_s"), nullptr);
}

TEST(ConfigProblems, of_the_method_of_a_fence_are_named_too) {
    const auto found =
        problems(kHead + kMembers +
                 "[[fence]]\nname = \"a\"\nmethod = \"time\"\nagent = \"x\"\ntimeout_s = 3\n"
                 "[[fence]]\nname = \"a\"\nmethod = \"operator\"\n[[fence]]\nname = \"c\"\nagent = \"x\"\n");
    std::vector<std::size_t> lines;
    for (const auto& problem : found) lines.push_back(problem.line);
    EXPECT_EQ(lines, (std::vector<std::size_t>{13, 14, 16, 18}));
}

TEST(ConfigEntries, of_a_channel_have_the_lower_slot_first_whatever_the_file_says) {
    const auto config = document(kHead + kMembers +
                                 "[[channel]]\nmembers = [\"MEMBER2\", \"MEMBER1\"]\n"
                                 "addresses = [\"10.0.0.2\", \"10.0.0.1\"]\n");
    const auto* addresses = entry(config, "channel.MEMBER1/MEMBER2/0.addresses");
    ASSERT_NE(addresses, nullptr);
    EXPECT_EQ(addresses->value, "[\"10.0.0.1\", \"10.0.0.2\"]");
    EXPECT_EQ(addresses->ends->front(), "\"10.0.0.1\"");
}

TEST(SharedConfig, does_not_depend_on_how_the_file_is_written) {
    const auto plain = shared(kHead + "[timing]\nscale = 2\n" + kMembers + kChannel);
    EXPECT_EQ(plain.hash.size(), 64U);
    EXPECT_EQ(shared("# a comment\n" + kMembers + kChannel + "[timing]\n  scale=2.0  # twice\nbeat_s = 0.5\n" + kHead),
              plain)
        << "comments, order, blanks, spelling of a number, a default written out";
    EXPECT_EQ(shared(kHead + "[timing]\nscale = 2\n" + kMembers +
                     "[[channel]]\ninterfaces = [\"b\", \"a\"]\naddresses = [\"10.0.0.2\", \"10.0.0.1\"]\n"
                     "members = [\"MEMBER2\", \"MEMBER1\"]\nname = \"0\"\n"),
              plain)
        << "the ends the other way round";
}

TEST(SharedConfig, leaves_out_what_concerns_one_host_alone) {
    const auto one = shared(kHead + kMembers + kChannel);
    EXPECT_EQ(shared(kHead + kMembers + "host = \"kvm2\"\n" + kChannel + "[tls]\ndirectory = \"/srv/pki\"\n"), one);
    EXPECT_NE(shared(kHead + kMembers + "watchdog = \"hardware\"\n" + kChannel), one)
        << "others judge a silent member by it";
    EXPECT_NE(shared(kHead + kMembers + kChannel + "port = 7701\n"), one);
}

TEST(SharedConfig, depends_on_the_order_of_fences) {
    const std::string a = "[[fence]]\nname = \"a\"\nagent = \"x\"\n";
    const std::string b = "[[fence]]\nname = \"b\"\nagent = \"x\"\n";
    EXPECT_NE(shared(kHead + kMembers + a + b), shared(kHead + kMembers + b + a));
}

TEST(SharedConfig, differences_are_named_by_path_with_both_values) {
    const auto one = shared(kHead + "[timing]\nscale = 2\n" + kMembers + kChannel);
    const auto other = shared(kHead + kMembers + kChannel + "port = 7701\n");
    const auto differences = compare_shared(one.text, other.text);
    ASSERT_EQ(differences.size(), 2U);
    EXPECT_EQ(differences[0], (ConfigDifference{"channel.MEMBER1/MEMBER2/0.port", std::nullopt, "7701"}));
    EXPECT_EQ(differences[1], (ConfigDifference{"timing.scale", "2", std::nullopt}));
    EXPECT_EQ(describe(differences, "here", "in the cluster"),
              "channel.MEMBER1/MEMBER2/0.port is not set here and 7701 in the cluster; timing.scale is 2 here and not "
              "set in the cluster");
    EXPECT_TRUE(describe(differences, "here", "there", 1).ends_with("; 1 more"));
    EXPECT_TRUE(compare_shared(one.text, one.text).empty());
}

}  // namespace
}  // namespace ssi
