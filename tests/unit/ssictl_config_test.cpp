// ssictl config check and show: what an administrator sees who has changed a file.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <fstream>
#include <sstream>

#include "tests/unit/json_document.hpp"
#include "tests/unit/temporary_directory.hpp"
#include "tools/ssictl/config_rendering.hpp"
#include "tools/ssictl/ssictl.hpp"

namespace ssi::ctl {
namespace {

constexpr auto kGood = R"([cluster]
name = "LAB"
uuid = "11111111-2222-3333-4444-555555555501"
[timing]
scale = 2
[[member]]
name = "MEMBER1"
slot = 1
[[member]]
name = "MEMBER2"
slot = 2
[[channel]]
members = ["MEMBER1", "MEMBER2"]
addresses = ["10.0.0.1", "10.0.0.2"]
)";

class SsictlConfig : public ::testing::Test {
  protected:
    int ssictl(std::vector<std::string> arguments) {
        output_.str("");
        errors_.str("");
        std::istringstream input;
        return run(std::move(arguments), input, output_, errors_, Way("unix:path=/nonexistent"));
    }
    std::string file(const std::string& text) {
        const auto path = folder_.path() / "system.toml";
        std::ofstream(path) << text;
        return path.string();
    }
    test::TemporaryDirectory folder_;
    std::ostringstream output_;
    std::ostringstream errors_;
};

TEST_F(SsictlConfig, check_of_a_good_file_says_what_it_is) {
    const auto good = file(kGood);
    EXPECT_EQ(ssictl({"config", "check", good}), 0) << errors_.str();
    EXPECT_EQ(output_.str(), good + ": no problem; cluster LAB, 2 members, 1 channels; this host is none of them\n");
}

TEST_F(SsictlConfig, check_names_every_problem_and_ends_with_1) {
    const auto bad = file(std::string(kGood) + "port = 0\n[pdr]\n[[fence]]\nname = 1\nagent = \"x\"\n");
    EXPECT_EQ(ssictl({"config", "check", bad}), 1);
    for (const auto* part : {":15:8: ", ":16:1: ", ":18:8: ", "^", "'device' is missing", "3 problems\n"})
        EXPECT_NE(output_.str().find(part), std::string::npos) << part << " is not in\n" << output_.str();
    EXPECT_EQ(ssictl({"config", "check", bad, "--json"}), 1);
    const auto document = boost::json::parse(output_.str()).as_object();
    EXPECT_EQ(document.at("problems").as_array().size(), 3U);
    EXPECT_EQ(document.at("problems").as_array()[0].at("line"), 15);
}

TEST_F(SsictlConfig, check_of_no_file_is_refused) {
    EXPECT_EQ(ssictl({"config", "check", "/nonexistent"}), 1);
    EXPECT_TRUE(errors_.str().starts_with("ssictl: SSI-5002")) << errors_.str();
}

TEST_F(SsictlConfig, show_is_as_the_member_sees_it) {
    const auto good = file(kGood);
    ASSERT_EQ(ssictl({"config", "show", "--member", "MEMBER2", "--config", good, "--json"}), 0) << errors_.str();
    const auto document = boost::json::parse(output_.str()).as_object();
    EXPECT_EQ(document.at("hash").as_string().size(), 64U);
    const auto value_of = [&](std::string_view key, std::string_view field) -> boost::json::value {
        for (const auto& one : document.at("keys").as_array())
            if (one.at("key").as_string() == key) return one.as_object().contains(field) ? one.at(field) : nullptr;
        return nullptr;
    };
    EXPECT_EQ(value_of("channel.MEMBER1/0.own addresses", "value"), "\"10.0.0.2\"");
    EXPECT_EQ(value_of("channel.MEMBER1/0.peer addresses", "value"), "\"10.0.0.1\"");
    EXPECT_EQ(value_of("channel.MEMBER1/0.port", "set"), false);
    EXPECT_EQ(value_of("timing.scale", "line"), 5);
    EXPECT_EQ(value_of("timing.beat_s", "value"), "0.5");
    EXPECT_EQ(value_of("timing.beat_s", "effective"), "1");
    EXPECT_EQ(value_of("timing.boot_s", "effective"), nullptr) << "it is not stretched";
    ASSERT_EQ(ssictl({"config", "show", "--member", "MEMBER2", "--config", good}), 0);
    EXPECT_NE(output_.str().find(" 0.5 (stretched: 1)"), std::string::npos) << output_.str();
}

TEST_F(SsictlConfig, show_of_what_cannot_be_is_refused) {
    EXPECT_EQ(ssictl({"config", "show", "--member", "MEMBER9", "--config", file(kGood)}), 1);
    EXPECT_TRUE(errors_.str().starts_with("ssictl: SSI-2003")) << errors_.str();
    EXPECT_EQ(ssictl({"config", "show", "--member", "MEMBER1", "--config", file("x")}), 1);
    EXPECT_TRUE(errors_.str().starts_with("ssictl: SSI-5001")) << errors_.str();
}

TEST(ConfigRendering, a_push_says_for_each_member_what_puts_it_into_effect) {
    EXPECT_EQ(render_config_push(document(R"({"v":1,"generation":3,"members":[{"member":"M1","needs":[]},
        {"member":"M2","needs":[{"key":"timing.beat_s","daemons":"ssid ssi-guard"},
                                {"key":"link.timeout_s","daemons":"isfcd ssid"}]}],"missed":["M3"]})")),
              "system.toml is in place on 2 members (generation 3)\n"
              "M1: takes effect with: ssictl config reload\n"
              "M2: takes effect with: systemctl restart ssid ssi-guard isfcd (timing.beat_s, link.timeout_s)\n"
              "M3 is not up: ssictl config pull there, when it is\n");
}

TEST(ConfigRendering, a_difference_has_both_values_and_the_line) {
    const auto text = render_config_diff(document(R"({"v":1,"member":"M1","file":"/f","comparisons":[
        {"with":"running","differences":[]},
        {"with":"M2","differences":[{"key":"timing.scale","file":"2","other":null,"line":5}]}],
        "not_in_file":[{"member":"M2","channel":"fast"}]})"));
    ASSERT_TRUE(text) << text.error().text();
    EXPECT_NE(text->find("/f is what runs here\n/f differs from the file of M2:\n"), std::string::npos) << *text;
    EXPECT_NE(text->find("  timing.scale  2     not set  line 5\n"), std::string::npos) << *text;
    EXPECT_NE(text->find("not in /f: channel fast to M2, added at run time\n"), std::string::npos) << *text;
}

TEST(ConfigRendering, a_reload_names_who_refused) {
    const auto answer = document(R"({"v":1,"members":[{"member":"M1","keys":["member.M4.slot"],"links":[]},
        {"member":"M2","keys":[],"links":[]},
        {"member":"M3","error":{"code":5005,"what":"timing.scale cannot change","object":"","remedy":"restart"}}]})");
    EXPECT_EQ(render_config_reload(answer),
              "M1: in effect: member.M4.slot\nM2: nothing has changed\n"
              "M3: SSI-5005 timing.scale cannot change (restart)\n");
    EXPECT_EQ(refusals_in(answer), 1U);
}

TEST(ConfigRendering, what_was_added_at_run_time_is_found_among_the_links) {
    const auto found = run_time_channels(document(R"({"v":1,"links":[{"member":"M2","channels":[
        {"name":"0","origin":"file"},{"name":"fast","origin":"run-time"}]},{"member":"M3","channels":[]}]})"));
    EXPECT_EQ(found, boost::json::parse(R"([{"member":"M2","channel":"fast"}])").as_array());
}

}  // namespace
}  // namespace ssi::ctl
