#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>

#include "lib/common/bus.hpp"
#include "tests/unit/coroutines.hpp"
#include "tests/unit/fake_daemon.hpp"
#include "tests/unit/private_bus.hpp"
#include "tests/unit/temporary_directory.hpp"
#include "tools/ssictl/ssictl.hpp"

namespace ssi::ctl {
namespace {

namespace asio = boost::asio;
using Answer = asio::awaitable<Result<std::string>>;
using Words = std::vector<std::string>;
using test::FakeDaemon;

class FakeIsfcd : public FakeDaemon {
  public:
    explicit FakeIsfcd(const std::string& address)
        : FakeDaemon(address, "/org/kvmssi/Isfc1", "org.kvmssi.Isfc1", methods()) {}

  private:
    static std::vector<Bus::Method> methods() {
        std::vector<Bus::Method> methods;
        methods.push_back({"Query", {}, [sent = std::make_shared<int>(0)](auto, auto) -> Answer {
                               co_return std::format(R"({{"v":1,"links":[
                                   {{"member":"M2","state":"up","channels":[{{"name":"0","state":"up","encryption":"none",
                                     "sent_bytes":{},"received_bytes":0,"round_trip_us":100}}]}},
                                   {{"member":"M3","state":"down","channels":[]}}]}})",
                                                     *sent += 1000);
                           }});
        methods.push_back({"Streams", {"member"}, [](auto arguments, auto) -> Answer {
                               co_return R"({"v":1,"member":")" + arguments[0] + R"(","streams":[]})";
                           }});
        methods.push_back({"Deactivate", {"member", "channel", "force"}, [](auto arguments, auto) -> Answer {
                               if (arguments[2].empty())
                                   co_return failure(ErrorCode::kLastChannel, "0 is the last", "0", "give --force");
                               co_return R"({"v":1,"member":"M2","channel":"0","state":"deactivated","changed":true})";
                           }});
        return methods;
    }
};

class FakeSsid : public FakeDaemon {
  public:
    explicit FakeSsid(const std::string& address)
        : FakeDaemon(address, "/org/kvmssi/Ssid1", "org.kvmssi.Ssid1", methods()) {}

  private:
    static std::vector<Bus::Method> methods() {
        std::vector<Bus::Method> methods;
        methods.push_back({"GuestList", {}, [](auto, auto) -> Answer {
                               co_return R"({"v":1,"guests":[{"name":"g1","phase":"Running","member":"M1","to":null},
                                             {"name":"g2","phase":"Relocating","member":"M1","to":"M2"}]})";
                           }});
        methods.push_back({"RelocateStatus", {"guest"}, [](auto arguments, auto) -> Answer {
                               co_return R"({"v":1,"guest":")" + arguments[0] +
                                   R"(","from":"M1","to":"M2","outcome":"under way","reason":""})";
                           }});
        methods.push_back({"GuestStart", {"guest", "member"}, [](auto arguments, auto) -> Answer {
                               co_return failure(ErrorCode::kGuestRunsElsewhere,
                                                 "guest " + arguments[0] + " runs on M2", arguments[0], "use it there");
                           }});
        methods.push_back({"GuestShow", {"guest"}, [](auto, auto) -> Answer {
                               co_return failure(ErrorCode::kUsage, "no name", "", "");
                           }});
        methods.push_back({"QuerySsi", {}, [](auto, auto) -> Answer { co_return "this is not JSON"; }});
        methods.push_back({"MemberSetDown", {"member"}, [](auto arguments, auto) -> Answer {
                               co_return R"({"v":1,"member":")" + arguments[0] + R"(","state":"Down"})";
                           }});
        methods.push_back({"FenceTest", {"member"}, [](auto arguments, auto) -> Answer {
                               co_return R"({"v":1,"member":")" + arguments[0] + R"(","ok":)" +
                                   (arguments[0] == "M2" ? "true" : "false") + R"(,"methods":[]})";
                           }});
        return methods;
    }
};

class SsictlTest : public ::testing::Test {
  protected:
    int ssictl(Words words, const std::string& typed = {}, bool terminal = false) {
        std::istringstream input(typed);
        output_.str({});
        errors_.str({});
        return run(std::move(words), input, output_, errors_, daemon_.address(), terminal);
    }

    test::PrivateBus daemon_;
    std::ostringstream output_;
    std::ostringstream errors_;
};

class SsictlWithSsidTest : public SsictlTest {
    FakeSsid ssid_{daemon_.address()};
};

TEST_F(SsictlWithSsidTest, what_is_done_ends_with_0) {
    EXPECT_EQ(ssictl({"guest", "list"}), 0);
    EXPECT_EQ(output_.str(), "GUEST  PHASE       MEMBER\ng1     Running     M1\ng2     Relocating  M1 -> M2\n");
    EXPECT_EQ(errors_.str(), "");
}

TEST_F(SsictlWithSsidTest, json_is_the_daemons_document) {
    EXPECT_EQ(ssictl({"guest", "list", "--json"}), 0);
    EXPECT_EQ(boost::json::parse(output_.str()).at("guests").as_array().size(), 2U);
}

TEST_F(SsictlWithSsidTest, refusal_ends_with_1_and_says_why) {
    EXPECT_EQ(ssictl({"guest", "start", "g1"}), 1);
    EXPECT_EQ(output_.str(), "");
    EXPECT_EQ(errors_.str(), "ssictl: SSI-1040 guest g1 runs on M2\n        try: use it there\n");
}

TEST_F(SsictlWithSsidTest, refusal_is_a_document_too) {
    EXPECT_EQ(ssictl({"guest", "start", "g1", "--json"}), 1);
    EXPECT_EQ(boost::json::parse(output_.str()).at("error").at("code").as_int64(), 1040);
}

TEST_F(SsictlWithSsidTest, usage_ends_with_2) {
    EXPECT_EQ(ssictl({"guest", "start"}), 2);
    EXPECT_EQ(ssictl({"guest", "show", "g"}), 2);
}

TEST_F(SsictlWithSsidTest, answer_that_is_no_json_is_an_error) {
    EXPECT_EQ(ssictl({"query", "ssi"}), 1);
    EXPECT_TRUE(errors_.str().starts_with("ssictl: SSI-6004")) << errors_.str();
}

TEST_F(SsictlWithSsidTest, daemon_that_is_absent_ends_with_3) {
    EXPECT_EQ(ssictl({"islink", "list"}), 3);
    EXPECT_EQ(errors_.str(),
              "ssictl: SSI-6008 org.kvmssi.Isfc1 is not on the bus\n        try: systemctl status isfcd\n");
}

TEST_F(SsictlWithSsidTest, moves_under_way_are_those_of_guests_that_move) {
    EXPECT_EQ(ssictl({"relocate", "status"}), 0);
    EXPECT_EQ(output_.str(), "guest g2 is moving from M1 to M2\n");
    EXPECT_EQ(ssictl({"relocate", "status", "--json"}), 0);
    EXPECT_EQ(boost::json::parse(output_.str()).at("relocations").as_array().size(), 1U);
}

TEST_F(SsictlWithSsidTest, set_down_is_done_when_its_name_is_typed) {
    EXPECT_EQ(ssictl({"member", "set-down", "M2"}, "M2\n"), 0);
    EXPECT_EQ(output_.str(), "M2 is Down\n");
    EXPECT_EQ(ssictl({"member", "set-down", "M2", "--yes"}), 0);
}

TEST_F(SsictlWithSsidTest, fence_test_that_failed_ends_with_1) {
    EXPECT_EQ(ssictl({"fence", "test", "M2"}), 0);
    EXPECT_EQ(ssictl({"fence", "test", "M3"}), 1);
    EXPECT_TRUE(output_.str().starts_with("No [[fence]]")) << output_.str();
}

TEST_F(SsictlWithSsidTest, set_down_is_not_done_otherwise) {
    for (const auto* typed : {"", "yes\n", "m2\n"}) {
        EXPECT_EQ(ssictl({"member", "set-down", "M2"}, typed), 2) << typed;
        EXPECT_EQ(output_.str(), "");
    }
}

TEST_F(SsictlWithSsidTest, cp_command_finds_its_guest_in_another_case) {
    EXPECT_EQ(ssictl({"cp", "VMRELOCATE STATUS G2"}), 0) << errors_.str();
    EXPECT_EQ(output_.str(), "guest g2 is moving from M1 to M2\n");
    EXPECT_EQ(ssictl({"cp", "vmrelo", "status", "g9"}), 0) << errors_.str();
    EXPECT_EQ(output_.str(), "guest g9 is moving from M1 to M2\n") << "the daemon is the one to know";
}

TEST_F(SsictlWithSsidTest, cp_command_ends_as_its_verb_does) {
    EXPECT_EQ(ssictl({"cp", "QUERY NAMES"}), 0);
    EXPECT_EQ(output_.str(), "GUEST  MEMBER    STATE\ng1     M1        Running\ng2     M1 -> M2  Relocating\n");
    EXPECT_EQ(ssictl({"cp", "XAUTOLOG G1"}), 1);
    EXPECT_EQ(errors_.str(), "ssictl: SSI-1040 guest g1 runs on M2\n        try: use it there\n");
    EXPECT_EQ(ssictl({"cp", "XAUTOLOG G1", "--json"}), 1);
    EXPECT_EQ(boost::json::parse(output_.str()).at("error").at("code").as_int64(), 1040);
    EXPECT_EQ(ssictl({"cp", "FROBNICATE"}), 2);
}

TEST_F(SsictlWithSsidTest, cp_command_is_carried_out_though_names_cannot_be_had) {
    EXPECT_EQ(ssictl({"query", "ssi"}), 1) << "no members from this one";
    EXPECT_EQ(ssictl({"cp", "SET SSI M2 DOWN"}, "M2\n"), 0) << errors_.str();
    EXPECT_EQ(output_.str(), "M2 is Down\n");
    EXPECT_EQ(ssictl({"cp", "SET SSI M2 DOWN"}, "yes\n"), 2);
}

class SsictlWithIsfcdTest : public SsictlTest {
    FakeIsfcd isfcd_{daemon_.address()};
};

TEST_F(SsictlWithIsfcdTest, show_of_one_link_leaves_the_others_out) {
    EXPECT_EQ(ssictl({"islink", "show", "M3", "--json"}), 0) << errors_.str();
    const auto links = boost::json::parse(output_.str()).at("links").as_array();
    ASSERT_EQ(links.size(), 1U);
    EXPECT_EQ(links[0].at("member").as_string(), "M3");
    EXPECT_EQ(ssictl({"islink", "show", "M9"}), 1);
    EXPECT_TRUE(errors_.str().starts_with("ssictl: SSI-2003")) << errors_.str();
}

TEST_F(SsictlWithIsfcdTest, streams_of_one_link) {
    EXPECT_EQ(ssictl({"islink", "show", "M2", "--streams"}), 0);
    EXPECT_EQ(output_.str(), "No stream to M2 is open\n");
}

TEST_F(SsictlWithIsfcdTest, cp_command_to_isfcd_needs_no_ssid) {
    EXPECT_EQ(ssictl({"cp", "QUERY ISLINK M3", "--json"}), 0) << errors_.str();
    EXPECT_EQ(boost::json::parse(output_.str()).at("links").at(0).at("member").as_string(), "M3");
}

TEST_F(SsictlWithIsfcdTest, last_channel_goes_by_force_alone) {
    EXPECT_EQ(ssictl({"islink", "deactivate", "0"}), 1);
    EXPECT_EQ(errors_.str(), "ssictl: SSI-4012 0 is the last\n        try: give --force\n");
    EXPECT_EQ(ssictl({"islink", "deactivate", "0", "--force"}), 0);
    EXPECT_EQ(output_.str(), "channel 0 to M2 is deactivated\n");
}

TEST_F(SsictlWithIsfcdTest, watch_prints_a_line_for_each_interval) {
    EXPECT_EQ(ssictl({"islink", "watch", "--interval", "0.1", "--count", "2"}), 0);
    const auto text = output_.str();
    EXPECT_EQ(std::ranges::count(text, '\n'), 2) << text;
    EXPECT_NE(text.find(" M2 0 up out "), std::string::npos) << text;
}

TEST_F(SsictlWithIsfcdTest, watch_prints_a_document_a_line) {
    EXPECT_EQ(ssictl({"islink", "watch", "M2", "--interval", "0.1", "--count", "2", "--json"}), 0);
    std::istringstream lines(output_.str());
    for (std::string line; std::getline(lines, line);)
        EXPECT_GT(boost::json::parse(line).at("channels").at(0).at("out_bytes_per_s").as_int64(), 0) << line;
}

TEST_F(SsictlWithIsfcdTest, watch_is_drawn_over_on_a_terminal) {
    EXPECT_EQ(ssictl({"islink", "watch", "--interval", "0.1", "--count", "1"}, "", true), 0);
    EXPECT_TRUE(output_.str().starts_with("\x1b[H\x1b[J")) << output_.str();
}

TEST_F(SsictlWithIsfcdTest, query_of_the_cluster_is_loud_about_channels_that_are_not_encrypted) {
    const FakeDaemon ssid(daemon_.address(), "/org/kvmssi/Ssid1", "org.kvmssi.Ssid1",
                          {{"QuerySsi", {}, [](auto, auto) -> Answer {
                                co_return R"({"v":1,"cluster":{"name":"C","mode":"Stable"},"members":[]})";
                            }}});
    EXPECT_EQ(ssictl({"query", "ssi"}), 0) << errors_.str();
    EXPECT_TRUE(output_.str().ends_with("WARNING: channel 0 to M2 is NOT ENCRYPTED\n")) << output_.str();
    EXPECT_EQ(ssictl({"query", "ssi", "--json"}), 0);
    EXPECT_EQ(errors_.str(), "WARNING: channel 0 to M2 is NOT ENCRYPTED\n");
    EXPECT_EQ(boost::json::parse(output_.str()).at("v").as_int64(), 1);
}

TEST_F(SsictlTest, bus_that_is_absent_ends_with_3) {
    daemon_.stop();
    EXPECT_EQ(ssictl({"guest", "list"}), 3);
    EXPECT_EQ(ssictl({"cp", "FORCE G1"}), 3);
}

TEST_F(SsictlTest, version_needs_no_daemon) {
    EXPECT_EQ(ssictl({"version"}), 0);
    EXPECT_EQ(output_.str(), "ssictl " SSI_VERSION "\n");
}

TEST_F(SsictlTest, authority_is_made_and_issues) {
    const test::TemporaryDirectory directory;
    const auto place = directory.path().string();
    ASSERT_EQ(ssictl({"ca", "init", "--directory", place, "--cluster", "C1"}), 0) << errors_.str();
    EXPECT_EQ(output_.str(), "wrote " + place + "/ca.crt\nwrote " + place + "/ca.key\n");
    ASSERT_EQ(ssictl({"ca", "issue", "MEMBER1", "--directory", place}), 0) << errors_.str();
    EXPECT_TRUE(std::filesystem::exists(directory.path() / "MEMBER1.key"));
    EXPECT_EQ(ssictl({"ca", "issue", "MEMBER1", "--directory", place}), 2);
    EXPECT_NE(ssictl({"ca", "issue", "../x", "--directory", place}), 0);
}

TEST_F(SsictlTest, certificates_are_rotated) {
    const test::TemporaryDirectory directory;
    const auto place = directory.path().string();
    ASSERT_EQ(ssictl({"ca", "init", "--directory", place, "--cluster", "C1"}), 0) << errors_.str();
    ASSERT_EQ(ssictl({"ca", "issue", "MEMBER1", "--directory", place}), 0) << errors_.str();
    EXPECT_EQ(ssictl({"ca", "rotate", "--directory", place}), 0) << errors_.str();
    EXPECT_EQ(output_.str(), "wrote " + place + "/MEMBER1.key\nwrote " + place + "/MEMBER1.crt\n");
    EXPECT_EQ(ssictl({"ca", "retire", "--directory", place}), 2) << "nothing to retire";
    EXPECT_EQ(ssictl({"ca", "rotate", "--authority", "--directory", place}), 0) << errors_.str();
    EXPECT_EQ(ssictl({"ca", "retire", "--directory", place}), 0) << errors_.str();
    EXPECT_EQ(output_.str(), "wrote " + place + "/ca.crt\n");
}

TEST_F(SsictlTest, authority_without_a_cluster_name_wants_the_configuration) {
    EXPECT_EQ(ssictl({"ca", "init", "--directory", "/nonexistent", "--config", "/nonexistent/system.toml"}), 1);
    EXPECT_TRUE(errors_.str().starts_with("ssictl: SSI-5002")) << errors_.str();
}

/// A process of an ordinary user that does some work when it is told to. Forked before the test has threads.
class Nobody {
  public:
    explicit Nobody(const std::function<int()>& work) {
        constexpr uid_t kNobody = 65534;
        if (::pipe(pipe_.data()) != 0) throw std::runtime_error("pipe");
        child_ = ::fork();
        if (child_ != 0) return;
        char ignored = 0;
        if (::setuid(kNobody) != 0 || ::read(pipe_[0], &ignored, 1) != 1) ::_exit(99);
        ::_exit(work());
    }
    /// The status that the work returns.
    int go() {
        EXPECT_EQ(::write(pipe_[1], "", 1), 1);
        int status = 0;
        ::waitpid(child_, &status, 0);
        return WEXITSTATUS(status);
    }
    ~Nobody() {
        ::close(pipe_[0]);
        ::close(pipe_[1]);
    }
    Nobody(const Nobody&) = delete;
    Nobody& operator=(const Nobody&) = delete;

  private:
    std::array<int, 2> pipe_{};
    pid_t child_ = 0;
};

/// The bus as the package sets it up: root's alone.
class BusPolicyTest : public ::testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "only root owns the name";
    }
    test::PrivateBus daemon_{SSI_SOURCE_DIR "/systemd/org.kvmssi.conf"};
};

TEST_F(BusPolicyTest, root_serves_and_calls_and_nobody_else_does) {
    const auto list = [this] {
        std::istringstream input;
        std::ostringstream output;
        return run({"guest", "list"}, input, output, output, daemon_.address());
    };
    Nobody nobody(list);
    const FakeSsid ssid(daemon_.address());
    EXPECT_EQ(list(), 0);
    EXPECT_EQ(nobody.go(), 3);
}

TEST_F(BusPolicyTest, everybody_may_see_what_it_looks_like) {
    Nobody nobody([this] {
        asio::io_context io;
        auto bus = Bus::connect(io.get_executor(), daemon_.address()).value();
        const auto xml =
            test::run(io, bus.call({"org.kvmssi.Ssid1", "/org/kvmssi/Ssid1", "org.freedesktop.DBus.Introspectable"},
                                   "Introspect", {}, std::chrono::seconds(5)));
        return xml && xml->find("GuestStart") != std::string::npos ? 0 : 1;
    });
    const FakeSsid ssid(daemon_.address());
    EXPECT_EQ(nobody.go(), 0);
}

}  // namespace
}  // namespace ssi::ctl
