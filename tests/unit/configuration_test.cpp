// system.toml of all members: requests between ssids, two-phase push, pull, reload.
#include "daemons/ssid/configuration/configuration.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fstream>
#include <optional>

#include "daemons/ssid/configuration/file_watch.hpp"
#include "daemons/ssid/peers/request_client.hpp"
#include "daemons/ssid/peers/request_server.hpp"
#include "lib/common/text_file.hpp"
#include "tests/unit/coroutines.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi::cluster {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using test::run;

const std::string kFile = R"([cluster]
name = "LAB"
uuid = "11111111-2222-3333-4444-555555555501"
[timing]
scale = 2
[[member]]
name = "M1"
slot = 1
[[member]]
name = "M2"
slot = 2
)";

MemberName member(const std::string& name) {
    return MemberName::parse(name).value();
}
ConfigDocument document(const std::string& text) {
    return parse_config_document(text, "system.toml").value();
}
std::string with(std::string text, const std::string& part, const std::string& instead) {
    return text.replace(text.find(part), part.size(), instead);
}

TEST(PeerRequestMessage, survives_being_written_and_read) {
    const PeerRequest request{"config-check", member("M1"), json::Object{{"text", "a\nb"}}};
    const auto line = encode(request);
    EXPECT_EQ(line.find('\n'), line.size() - 1) << "one line";
    const auto read = decode_request(line);
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->name, "config-check");
    EXPECT_EQ(read->from, member("M1"));
    EXPECT_EQ(json::text(read->content, "text"), "a\nb");
}

TEST(PeerRequestMessage, what_is_none_is_refused) {
    for (const auto* line :
         {"", "x", "[]", "{}", R"({"v":1})", R"({"v":2,"request":"a","from":"M1","content":{}})",
          R"({"v":1,"request":"a","from":"../M1","content":{}})", R"({"v":1,"request":"a","from":"M1","content":[]})"})
        EXPECT_FALSE(decode_request(line)) << line;
    EXPECT_FALSE(decode_request(R"({"v":1,"request":")" + std::string(65, 'a') + R"(","from":"M1","content":{}})"));
    EXPECT_FALSE(decode_answer(R"({"v":1})", member("M2")));
}

/// ssid of M2 listens, and isfcd's folder on M1 leads there.
class PeerRequests : public ::testing::Test {
  protected:
    void SetUp() override {
        std::filesystem::create_directory(folder_.path() / "M2");
        server_.emplace(RequestServer::listen(io_.get_executor(), socket()).value());
    }
    [[nodiscard]] std::filesystem::path socket() const { return folder_.path() / "M2" / kRequestService; }
    void serve() {
        asio::co_spawn(io_, server_->run(), [](std::exception_ptr) {});
    }
    Result<json::Object> ask(const std::string& request, std::chrono::milliseconds timeout = 5s) {
        RequestClient client(io_.get_executor(), member("M1"), folder_.path());
        return run(io_, client.ask(member("M2"), request, json::Object{{"n", 7}}, timeout));
    }

    test::TemporaryDirectory folder_;
    asio::io_context io_;
    std::optional<RequestServer> server_;
};

TEST_F(PeerRequests, are_answered_or_refused_in_the_peers_words) {
    server_->on("double", [](PeerRequest request) -> asio::awaitable<Result<json::Object>> {
        EXPECT_EQ(request.from, member("M1"));
        co_return json::Object{{"n", 2 * json::number_or(request.content, "n", 0)}};
    });
    server_->on("refuse", [](PeerRequest) -> asio::awaitable<Result<json::Object>> {
        co_return failure(ErrorCode::kMemberHasGuests, "guest g is here", "g", "move it");
    });
    serve();
    EXPECT_EQ(json::number_or(ask("double").value(), "n", 0), 14);
    EXPECT_EQ(ask("refuse").error(), (Error{ErrorCode::kMemberHasGuests, "guest g is here", "g", "move it"}));
    EXPECT_EQ(ask("frobnicate").error().code, ErrorCode::kUsage);
}

TEST_F(PeerRequests, end_in_time_when_nobody_answers) {
    EXPECT_EQ(ask("anything", 50ms).error().code, ErrorCode::kTimedOut) << "it listens, and does not answer";
    server_.reset();
    std::filesystem::remove(socket());
    EXPECT_EQ(ask("anything").error().code, ErrorCode::kLinkDown);
}

TEST_F(PeerRequests, of_who_sends_nothing_are_closed) {
    server_->read_time = 50ms;
    serve();
    gate::UnixSocket idle(io_);
    idle.connect(asio::local::stream_protocol::endpoint(socket().string()));
    std::string line;
    const auto wait = [&]() -> asio::awaitable<bool> {
        boost::system::error_code error;
        co_await asio::async_read_until(idle, asio::dynamic_buffer(line), '\n',
                                        asio::redirect_error(asio::use_awaitable, error));
        co_return error == asio::error::eof;
    };
    EXPECT_TRUE(run(io_, wait()));
}

TEST(ReloadPlan, names_every_key_that_wants_a_restart) {
    const auto running = document(kFile).entries;
    const auto keys = [&](const std::string& text) {
        return keys_wanting_restart(running, document(text).entries, member("M1"));
    };
    EXPECT_TRUE(keys("# another comment\n" + kFile).empty());
    EXPECT_EQ(keys(with(kFile, "scale = 2", "scale = 3\nbeat_s = 0.25")),
              (std::vector<RestartKey>{{"timing.beat_s", "ssid ssi-guard"}, {"timing.scale", "ssid ssi-guard"}}));
    EXPECT_EQ(keys(kFile + "[pdr]\ndevice = \"/dev/pdr\"\n").size(), 1U) << "what was not there before";
    EXPECT_EQ(daemons_of(keys(with(kFile, "scale = 2", "scale = 3\nsilence_s = 9"))), "ssid ssi-guard");
}

TEST(ReloadPlan, members_and_channels_come_and_go_without_one) {
    const auto running = document(kFile).entries;
    const auto fresh = document(kFile + "[[member]]\nname = \"M3\"\nslot = 3\nwatchdog = \"hardware\"\n" +
                                "[[channel]]\nmembers = [\"M1\", \"M3\"]\naddresses = [\"10.0.0.1\", \"10.0.0.3\"]\n")
                           .entries;
    EXPECT_TRUE(keys_wanting_restart(running, fresh, member("M1")).empty());
    EXPECT_TRUE(keys_wanting_restart(fresh, running, member("M1")).empty());
    const auto watched = document(kFile + "watchdog = \"soft\"\n").entries;
    EXPECT_TRUE(keys_wanting_restart(running, watched, member("M1")).empty()) << "it is M2's";
    EXPECT_EQ(keys_wanting_restart(running, watched, member("M2")).size(), 1U);
}

class ConfigFileTest : public ::testing::Test {
  protected:
    void SetUp() override { std::ofstream(path()) << kFile; }
    [[nodiscard]] std::filesystem::path path() const { return folder_.path() / "system.toml"; }
    [[nodiscard]] std::string content() const { return read_text_file(path()).value_or(""); }

    test::TemporaryDirectory folder_;
    ConfigFile file_{folder_.path() / "system.toml"};
};

TEST_F(ConfigFileTest, is_replaced_by_what_was_staged_and_put_back) {
    const auto fresh = "# new\n" + kFile;
    ASSERT_TRUE(file_.stage(fresh));
    EXPECT_EQ(content(), kFile) << "only staged";
    EXPECT_EQ(file_.install(sha256_text("another")).error().code, ErrorCode::kConflict);
    EXPECT_EQ(content(), kFile);
    ASSERT_TRUE(file_.install(sha256_text(fresh)));
    EXPECT_EQ(content(), fresh);
    ASSERT_TRUE(file_.restore(sha256_text("another"))) << "it is not that text: nothing to take back";
    EXPECT_EQ(content(), fresh);
    ASSERT_TRUE(file_.restore(sha256_text(fresh)));
    EXPECT_EQ(content(), kFile);
}

TEST_F(ConfigFileTest, what_was_dropped_is_not_installed) {
    ASSERT_TRUE(file_.stage(kFile));
    file_.drop();
    EXPECT_FALSE(file_.install(sha256_text(kFile)));
}

TEST_F(ConfigFileTest, of_the_wrong_cluster_or_without_this_member_does_not_fit) {
    const Configuration configuration(path(), document(kFile), member("M2"));
    EXPECT_TRUE(configuration.fits(document("# c\n" + kFile)));
    EXPECT_EQ(configuration.fits(document(with(kFile, "M2", "M3"))).error().code, ErrorCode::kMemberUnknown);
    EXPECT_FALSE(configuration.fits(document(with(kFile, "slot = 2", "slot = 3"))));
    EXPECT_FALSE(configuration.fits(document(with(kFile, "5501", "5502"))));
    const auto refused = configuration.may_reload(document(with(kFile, "scale = 2", "scale = 3")));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kConfigNeedsRestart);
    EXPECT_NE(refused.error().what.find("timing.scale"), std::string::npos);
    EXPECT_NE(refused.error().remedy.find("systemctl restart ssid ssi-guard"), std::string::npos);
}

TEST_F(ConfigFileTest, is_watched_whoever_changes_it) {
    asio::io_context io;
    auto watch = FileWatch::open(io.get_executor(), path()).value();
    std::ofstream(folder_.path() / "another") << "x";
    std::ofstream(path(), std::ios::app) << "# edited\n";
    EXPECT_TRUE(run(io, watch.next()));
    std::ofstream(folder_.path() / "new") << kFile;
    std::filesystem::rename(folder_.path() / "new", path());
    EXPECT_TRUE(run(io, watch.next()));
}

}  // namespace
}  // namespace ssi::cluster
