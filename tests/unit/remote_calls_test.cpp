/// A D-Bus method of one member that is called on another: the same answer, the same refusal, and who it was.
#include "daemons/ssid/api/remote_calls.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <optional>

#include "daemons/ssid/api/bus_object.hpp"
#include "tests/unit/coroutines.hpp"
#include "tests/unit/state_builder.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi::cluster {
namespace {

using Answer = boost::asio::awaitable<Result<std::string>>;
using Arguments = std::vector<std::string>;

/// M1 asks; the requests of M2 come in at a socket where isfcd of M1 has its link.
class RemoteCallsTest : public ::testing::Test {
  protected:
    void SetUp() override {
        for (const auto* name : {"M1", "M2", "M3"}) {
            MemberConfig one{};
            one.name = member(name);
            config_.members.push_back(one);
        }
        std::filesystem::create_directory(folder_.path() / "M2");
        server_.emplace(RequestServer::listen(io_.get_executor(), folder_.path() / "M2" / kRequestService).value());
        first_.emplace(config_, member("M1"), peers_, methods("M1"), isfcd("M1"));
        second_.emplace(config_, member("M2"), peers_, methods("M2"), isfcd("M2"));
        second_->serve(*server_);
        boost::asio::co_spawn(io_, server_->run(), [](std::exception_ptr) {});
    }
    static std::vector<Bus::Method> methods(std::string own) {
        const auto show = [own](Arguments given, Bus::Caller by) -> Answer {
            if (given[0] == "none") co_return failure(ErrorCode::kGuestUnknown, "no such guest", "none", "look");
            co_return std::format(R"({{"guest":"{}","shown_by":"{}","who":"{}"}})", given[0], own, user_of(by));
        };
        return {{"GuestShow", {"guest"}, show}};
    }
    static RemoteCalls::CallIsfcd isfcd(std::string own) {
        return [own](std::string method, Arguments given, std::chrono::milliseconds) -> Answer {
            co_return std::format(R"({{"method":"{}","arguments":{},"link_of":"{}"}})", method, given.size(), own);
        };
    }
    Result<std::string> at(const std::string& to, const std::string& daemon, const std::string& method,
                           const std::string& arguments, const std::string& timeout = "5000") {
        return test::run(io_, first_->at(to, daemon, method, arguments, timeout, "root"));
    }
    ErrorCode refusal(const Result<std::string>& answer) {
        EXPECT_FALSE(answer) << *answer;
        return answer ? ErrorCode{} : answer.error().code;
    }

    test::TemporaryDirectory folder_;
    boost::asio::io_context io_;
    SystemConfig config_;
    RequestClient peers_{io_.get_executor(), member("M1"), folder_.path()};
    std::optional<RequestServer> server_;
    std::optional<RemoteCalls> first_;
    std::optional<RemoteCalls> second_;
};

TEST_F(RemoteCallsTest, are_answered_by_the_other_member_for_the_user_of_this_one) {
    EXPECT_EQ(at("M2", "ssid", "GuestShow", R"(["g"])"), R"({"guest":"g","shown_by":"M2","who":"root at M1"})");
    EXPECT_EQ(at("M1", "ssid", "GuestShow", R"(["g"])"), R"({"guest":"g","shown_by":"M1","who":"root"})");
    EXPECT_TRUE(at("M2", "ssid", "GuestShow", R"(["g"])", "7200000")) << "as long as a move may take";
    EXPECT_EQ(at("M2", "isfcd", "Query", "[]"), R"({"method":"Query","arguments":0,"link_of":"M2"})");
}

TEST_F(RemoteCallsTest, are_refused_in_its_words) {
    const auto refused = at("M2", "ssid", "GuestShow", R"(["none"])");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), (Error{ErrorCode::kGuestUnknown, "no such guest", "none", "look"}));
}

TEST_F(RemoteCallsTest, that_make_no_sense_are_refused) {
    EXPECT_EQ(refusal(at("M9", "ssid", "GuestShow", R"(["g"])")), ErrorCode::kMemberUnknown);
    EXPECT_EQ(refusal(at("M3", "ssid", "GuestShow", R"(["g"])")), ErrorCode::kLinkDown);
    for (const auto* to : {"M1", "M2"}) {
        EXPECT_EQ(refusal(at(to, "ssid", "Frobnicate", "[]")), ErrorCode::kUsage);
        EXPECT_EQ(refusal(at(to, "ssid", "GuestShow", "[]")), ErrorCode::kUsage) << "it wants one argument";
        EXPECT_EQ(refusal(at(to, "vswitchd", "GuestShow", R"(["g"])")), ErrorCode::kUsage);
        for (const auto* arguments : {"", "g", "{}", "[1]", R"(["g")"})
            EXPECT_EQ(refusal(at(to, "ssid", "GuestShow", arguments)), ErrorCode::kUsage) << arguments;
        for (const auto* time : {"", "0", "-1", "1s", "10800001", "99999999999999999999"})
            EXPECT_EQ(refusal(at(to, "ssid", "GuestShow", R"(["g"])", time)), ErrorCode::kUsage) << time;
    }
}

TEST_F(RemoteCallsTest, of_a_message_that_is_none_are_refused_by_the_other_member) {
    for (const auto& content :
         {json::Object{}, json::Object{{"daemon", "ssid"}, {"method", "GuestShow"}, {"who", "x"}},
          json::Object{{"daemon", "ssid"}, {"method", "GuestShow"}, {"who", "x"}, {"arguments", "g"}}}) {
        const auto answer = test::run(io_, peers_.ask(member("M2"), "call", content, std::chrono::seconds(5)));
        EXPECT_FALSE(answer);
    }
}

}  // namespace
}  // namespace ssi::cluster
