// What an administrator may meet stands in docs/: error codes (rule R9) and keys of system.toml.
#include <gtest/gtest.h>

#include <format>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "lib/common/system_config.hpp"

namespace ssi {
namespace {

using Words = std::set<std::string>;

const std::string kExample = "etc/ssi/system.toml.example";

std::string content_of(const std::string& file) {
    std::ifstream stream(std::string(SSI_SOURCE_DIR "/") + file);
    return {std::istreambuf_iterator<char>(stream), {}};
}

/// The first group of every match.
Words all_matches(const std::string& text, const std::string& pattern) {
    const std::regex regex(pattern);
    Words found;
    for (std::sregex_iterator match(text.begin(), text.end(), regex), end; match != end; ++match)
        found.insert((*match)[1]);
    return found;
}

/// The keys that the parser knows: the quoted words in the calls of only_keys.
Words known_keys() {
    const std::string source = content_of("lib/common/system_config.cpp");
    const std::regex call(R"(only_keys\([^{;]*\{([^}]*)\})");
    Words keys;
    for (std::sregex_iterator match(source.begin(), source.end(), call), end; match != end; ++match)
        keys.merge(all_matches((*match)[1], R"x("(\w+)")x"));
    return keys;
}

TEST(ErrorCatalogue, every_code_is_documented_and_nothing_else_is) {
    const Words codes = all_matches(content_of("lib/common/error.hpp"), R"(\bk[A-Z]\w* = ([0-9]{4}),)");
    ASSERT_TRUE(codes.contains("1040")) << "the pattern no longer fits error.hpp";
    EXPECT_EQ(all_matches(content_of("docs/errors.md"), R"(### SSI-([0-9]{4}): )"), codes);
}

TEST(SystemTomlManual, every_key_is_documented_and_nothing_else_is) {
    const Words keys = known_keys();
    ASSERT_TRUE(keys.contains("silence_s")) << "the pattern no longer fits system_config.cpp";
    const std::string manual = content_of("docs/system.toml.5.scd");
    Words documented = all_matches(manual, R"(\n\*(\w+)\* \()");
    documented.merge(all_matches(manual, R"(# \[+(\w+)\]+\n)"));
    EXPECT_EQ(documented, keys);
}

TEST(MetricsDocument, every_metric_is_documented_and_nothing_else_is) {
    const Words metrics = all_matches(content_of("daemons/isfcd/metrics.cpp"), R"x("(ssi_isfc_\w+)")x");
    ASSERT_TRUE(metrics.contains("ssi_isfc_link_up")) << "the pattern no longer fits metrics.cpp";
    EXPECT_EQ(all_matches(content_of("docs/metrics.md"), R"(\n\| `(ssi_isfc_\w+))"), metrics);
}

TEST(SystemTomlExample, is_valid_and_shows_every_key) {
    const std::string example = content_of(kExample);
    const auto config = parse_system_config(example, kExample);
    ASSERT_TRUE(config) << config.error().what;
    for (const std::string& key : known_keys())
        EXPECT_TRUE(std::regex_search(example, std::regex(std::format(R"(\b{}\b( =|\]))", key)))) << key;
}

TEST(SystemTomlExample, shows_the_defaults) {
    const std::string example = content_of(kExample);
    const auto as_shown =
        parse_system_config(std::regex_replace(example, std::regex("\n# (\\w+ = )"), "\n$1"), kExample);
    ASSERT_TRUE(as_shown) << as_shown.error().what;
    const TimingConfig defaults;
    EXPECT_EQ(as_shown->timing.scale, defaults.scale);
    EXPECT_EQ(as_shown->timing.beat, defaults.beat);
    EXPECT_EQ(as_shown->timing.silence, defaults.silence);
    EXPECT_EQ(as_shown->timing.boot, defaults.boot);
    EXPECT_EQ(as_shown->timing.hook, defaults.hook);
    EXPECT_EQ(as_shown->timing.right_lifetime, defaults.right_lifetime);
    EXPECT_EQ(as_shown->timing.engine_heartbeat, defaults.engine_heartbeat);
    EXPECT_EQ(as_shown->timing.engine_election, defaults.engine_election);
    EXPECT_EQ(as_shown->pki, SystemConfig{}.pki);
    EXPECT_EQ(as_shown->fences.at(0).timeout, FenceConfig{}.timeout);
    EXPECT_EQ(as_shown->channels.at(0).port, ChannelConfig{}.port);
    EXPECT_EQ(as_shown->channels.at(0).encryption, ChannelConfig{}.encryption);
}

}  // namespace
}  // namespace ssi
