// What an administrator may meet stands in docs/: error codes (rule R9) and keys of system.toml.
#include <gtest/gtest.h>

#include <algorithm>
#include <format>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "lib/common/config/keys.hpp"
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

/// The keys that the parser knows, and the tables they stand in.
Words known_keys() {
    Words keys;
    for (const auto& key : config_keys()) {
        keys.emplace(key.name);
        keys.emplace(key.table);
    }
    return keys;
}

/// What the manual says of a key, on one line; empty: nothing.
std::string manual_entry(const std::string& manual, const ConfigKey& key) {
    const auto table = std::regex_replace(manual, std::regex("\\s+"), " ");
    const auto section =
        std::min(table.find(std::format("# [{}]", key.table)), table.find(std::format("# [[{}]]", key.table)));
    if (section == std::string::npos) return "";
    const auto chapter = table.substr(section, table.find(" # ", section) - section);
    const auto begin = chapter.find(std::format(" *{}* (", key.name));
    if (begin == std::string::npos) return "";
    // The next entry begins with its name in asterisks, before its type in parentheses.
    const std::regex next(R"( \*\w+\* \([^)0-9])");
    const auto rest = chapter.substr(begin + 1);
    std::smatch found;
    return std::regex_search(rest, found, next) ? rest.substr(0, static_cast<std::size_t>(found.position())) : rest;
}

TEST(ErrorCatalogue, every_code_is_documented_and_nothing_else_is) {
    const Words codes = all_matches(content_of("lib/common/error.hpp"), R"(\bk[A-Z]\w* = ([0-9]{4}),)");
    ASSERT_TRUE(codes.contains("1040")) << "the pattern no longer fits error.hpp";
    EXPECT_EQ(all_matches(content_of("docs/errors.md"), R"(### SSI-([0-9]{4}): )"), codes);
}

TEST(SystemTomlManual, every_key_is_documented_and_nothing_else_is) {
    const Words keys = known_keys();
    const std::string manual = content_of("docs/system.toml.5.scd");
    Words documented = all_matches(manual, R"(\n\*(\w+)\* \()");
    documented.merge(all_matches(manual, R"(# \[+(\w+)\]+\n)"));
    EXPECT_EQ(documented, keys);
}

TEST(SystemTomlManual, every_key_says_when_a_change_takes_effect_and_whether_members_may_differ) {
    const std::string manual = content_of("docs/system.toml.5.scd");
    for (const auto& key : config_keys()) {
        const auto effect = std::format("Effect: {}{}.", effect_text(key),
                                        key.scope == ConfigScope::kMember ? "; members may differ" : "");
        EXPECT_TRUE(manual_entry(manual, key).ends_with(effect))
            << key.table << "." << key.name << ": '" << effect << "' does not end '" << manual_entry(manual, key)
            << "'";
    }
}

TEST(SystemTomlManual, every_default_is_that_of_the_table_of_keys) {
    const std::string manual = content_of("docs/system.toml.5.scd");
    for (const auto& key : config_keys()) {
        if (key.standard.empty() || key.standard.front() == '{' || key.standard.front() == '[') continue;
        const auto entry = manual_entry(manual, key);
        std::smatch found;
        ASSERT_TRUE(std::regex_search(entry, found, std::regex(R"(default: "?_?([^")_]+))"))) << key.name;
        auto standard = std::string(key.standard);
        std::erase(standard, '"');
        const auto documented = found[1].str();
        EXPECT_TRUE(documented == standard || documented == standard + ".0") << key.name << ": " << documented;
    }
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
    EXPECT_EQ(as_shown->pdr.witness, PdrConfig{}.witness);
    EXPECT_EQ(as_shown->pki, SystemConfig{}.pki);
    EXPECT_EQ(as_shown->fences.at(0).timeout, FenceConfig{}.timeout);
    EXPECT_EQ(as_shown->channels.at(0).port, ChannelConfig{}.port);
    EXPECT_EQ(as_shown->channels.at(0).encryption, ChannelConfig{}.encryption);
}

}  // namespace
}  // namespace ssi
