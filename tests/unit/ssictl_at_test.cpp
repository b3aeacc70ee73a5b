/// `ssictl at`: what is typed for another member, and what is made of its answers.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <format>
#include <sstream>

#include "tests/unit/fake_daemon.hpp"
#include "tests/unit/private_bus.hpp"
#include "tools/ssictl/command_line.hpp"
#include "tools/ssictl/ssictl.hpp"

namespace ssi::ctl {
namespace {

using Answer = boost::asio::awaitable<Result<std::string>>;
using Words = std::vector<std::string>;

AtCommand at_of(const Words& words) {
    const auto parsed = parse_command_line(words);
    EXPECT_TRUE(parsed) << parsed.error().errors;
    const auto* at = parsed ? std::get_if<AtCommand>(&parsed->command) : nullptr;
    EXPECT_NE(at, nullptr);
    return at == nullptr ? AtCommand{} : *at;
}

TEST(At, takes_what_follows_the_member_for_a_command_of_its_own) {
    for (const auto& words : {Words{"at", "M2", "guest", "start", "g", "--member", "M3"},
                              Words{"at", "M2", "--", "guest", "start", "g", "--member", "M3"}}) {
        const auto at = at_of(words);
        EXPECT_EQ(at.member, "M2");
        EXPECT_EQ(at.words, (Words{"guest", "start", "g", "--member", "M3"}));
    }
    EXPECT_TRUE(parse_command_line({"at", "M2", "guest", "list", "--json"})->json);
    EXPECT_TRUE(parse_command_line({"--json", "at", "M2", "guest", "list"})->json);
}

TEST(At, refuses_before_anything_is_done_what_makes_no_sense_or_works_with_files_of_its_host) {
    for (const auto& words :
         {Words{"at"}, Words{"at", "M2"}, Words{"at", "M2", "frobnicate"}, Words{"at", "M2", "guest", "start"},
          Words{"at", "M2", "pdr", "show"}, Words{"at", "M2", "engine", "backup", "/tmp/x"},
          Words{"at", "M2", "at", "M3", "guest", "list"}, Words{"at", "ALL", "member", "set-down", "M3"},
          Words{"at", "ALL", "islink", "watch"}}) {
        const auto parsed = parse_command_line(words);
        ASSERT_FALSE(parsed) << words.back();
        EXPECT_EQ(parsed.error().status, 2) << words.back();
    }
    EXPECT_TRUE(parse_command_line({"at", "M2", "member", "set-down", "M3"}));
    EXPECT_TRUE(parse_command_line({"at", "M2", "pdr", "show"}).error().errors.contains("type it on M2"));
}

TEST(At, is_a_cp_command_too) {
    const auto at = at_of({"cp", "AT M2 CMD QUERY NAMES"});
    EXPECT_EQ(at.member, "M2");
    EXPECT_EQ(at.words, (Words{"cp", "QUERY", "NAMES"}));
    EXPECT_EQ(at_of({"cp", "at all cmd q ssi"}).member, "ALL");
    EXPECT_FALSE(parse_command_line({"cp", "AT M2 CMD FROBNICATE"}));
    EXPECT_TRUE(std::holds_alternative<CpCommand>(parse_command_line({"cp", "AT M2 CMD XAUTOLOG G"})->command))
        << "which has a verb of its own";
}

/// ssid of M1, whose cluster has M2 too, and M3, which is down.
class AtTest : public ::testing::Test {
  protected:
    int ssictl(Words words) {
        std::istringstream input;
        output_.str({});
        errors_.str({});
        return run(std::move(words), input, output_, errors_, daemon_.address());
    }
    std::vector<Bus::Method> methods() {
        const auto at = [this](std::vector<std::string> given, Bus::Caller) -> Answer {
            asked_ = given;
            if (given[0] == "M2") co_return failure(ErrorCode::kGuestRunsElsewhere, "guest g runs on M1", "g", "");
            co_return std::string(R"({"v":1,"guest":"g","member":"M1"})");
        };
        const auto query = [](auto, auto) -> Answer {
            co_return std::string(R"({"v":1,"members":[{"name":"M1","state":"Joined"},{"name":"M2","state":"Joined"},
                                  {"name":"M3","state":"Down"}]})");
        };
        return {{"At", {"member", "daemon", "method", "arguments", "timeout_ms"}, at}, {"QuerySsi", {}, query}};
    }

    test::PrivateBus daemon_;
    std::ostringstream output_;
    std::ostringstream errors_;
    std::vector<std::string> asked_;
    test::FakeDaemon ssid_{daemon_.address(), "/org/kvmssi/Ssid1", "org.kvmssi.Ssid1", methods()};
};

TEST_F(AtTest, one_member_answers_as_if_it_were_asked_there) {
    EXPECT_EQ(ssictl({"at", "M1", "guest", "start", "g"}), 0);
    EXPECT_EQ(output_.str(), "guest g started on M1\n");
    ASSERT_EQ(asked_.size(), 5U);
    EXPECT_EQ(Words(asked_.begin(), asked_.begin() + 4), (Words{"M1", "ssid", "GuestStart", R"(["g",""])"}));
    EXPECT_EQ(ssictl({"at", "M2", "guest", "start", "g"}), 1);
    EXPECT_EQ(errors_.str(), "ssictl: SSI-1040 guest g runs on M1\n");
    ssictl({"at", "M1", "islink", "activate", "0"});
    EXPECT_EQ(Words(asked_.begin(), asked_.begin() + 3), (Words{"M1", "isfcd", "Activate"}));
}

TEST_F(AtTest, all_that_are_joined_answer_in_turn_and_one_that_refuses_holds_up_no_other) {
    EXPECT_EQ(ssictl({"at", "ALL", "guest", "start", "g"}), 1);
    EXPECT_EQ(output_.str(), "M1: guest g started on M1\n");
    EXPECT_EQ(errors_.str(), "ssictl: M3 is Down and is not asked\nM2: ssictl: SSI-1040 guest g runs on M1\n");
}

TEST_F(AtTest, all_answer_in_one_document) {
    EXPECT_EQ(ssictl({"at", "ALL", "--json", "guest", "start", "g"}), 1);
    const auto members = boost::json::parse(output_.str()).at("members").as_array();
    ASSERT_EQ(members.size(), 2U);
    EXPECT_EQ(members[0].at("answer").at("member"), "M1");
    EXPECT_EQ(members[1].at("answer").at("error").at("code"), 1040);
    EXPECT_EQ(members[1].at("status"), 1);
}

}  // namespace
}  // namespace ssi::ctl
