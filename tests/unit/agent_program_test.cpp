#include "daemons/ssid/fencing/agent_program.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <sstream>

#include "daemons/ssid/fencing/program.hpp"
#include "tests/unit/coroutines.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using test::run;

/// Agents are shell scripts that keep their plug's state in the file `power` and what they were told in `input`.
class AgentProgramTest : public ::testing::Test {
  protected:
    std::filesystem::path script(const std::string& body) {
        const auto path = directory_.path() / "agent";
        std::ofstream(path) << "#!/bin/sh\ncd " << directory_.path().string() << "\n" << body;
        std::filesystem::permissions(path, std::filesystem::perms::owner_all);
        return path;
    }
    FenceConfig config(const std::string& body) {
        FenceConfig config;
        config.name = "lab";
        config.agent = script(body);
        config.options = {{"ip", "10.0.0.1"}, {"password", "secret"}};
        config.plugs = {{"MEMBER2", "outlet-7"}};
        return config;
    }
    Result<void> off(FenceConfig with) {
        AgentProgram agent(std::move(with));
        return run(io_, agent.off(member_));
    }
    std::string file(const std::string& name) {
        std::stringstream text;
        text << std::ifstream(directory_.path() / name).rdbuf();
        return text.str();
    }

    static constexpr auto kGood = R"(cat >> input
if tail -1 input | grep -q action=off; then rm -f power; echo 'Success: Powered OFF'; exit 0; fi
if [ -e power ]; then echo 'Status: ON'; exit 0; else echo 'Status: OFF'; exit 2; fi
)";
    test::TemporaryDirectory directory_;
    asio::io_context io_;
    const MemberName member_ = MemberName::parse("MEMBER2").value();
};

TEST_F(AgentProgramTest, off_that_status_confirms_is_success) {
    std::ofstream(directory_.path() / "power") << "on";
    ASSERT_TRUE(off(config(kGood)));
    EXPECT_FALSE(std::filesystem::exists(directory_.path() / "power"));
    EXPECT_EQ(file("input"),
              "ip=10.0.0.1\npassword=secret\nplug=outlet-7\naction=off\n"
              "ip=10.0.0.1\npassword=secret\nplug=outlet-7\naction=status\n");
}

TEST_F(AgentProgramTest, member_without_a_plug_is_named_by_its_name) {
    auto plain = config(kGood);
    plain.plugs.clear();
    ASSERT_TRUE(off(plain));
    EXPECT_NE(file("input").find("plug=MEMBER2\n"), std::string::npos);
}

TEST_F(AgentProgramTest, option_cannot_change_the_action) {
    auto sly = config(kGood);
    sly.options["action"] = "status";
    sly.options["plug"] = "other";
    ASSERT_TRUE(off(sly));
    EXPECT_TRUE(file("input").ends_with("plug=outlet-7\naction=status\n"));
    EXPECT_NE(file("input").find("plug=outlet-7\naction=off\n"), std::string::npos);
}

TEST_F(AgentProgramTest, option_with_a_line_break_is_refused) {
    auto sly = config(kGood);
    sly.options["note"] = "x\naction=on";
    EXPECT_FALSE(off(sly));
    EXPECT_EQ(file("input"), "");
}

TEST_F(AgentProgramTest, refusal_fails_with_the_agents_last_words) {
    const auto error =
        off(config("echo trying; echo 'Unable to connect/login to fencing device' >&2; exit 1\n")).error();
    EXPECT_EQ(error.code, ErrorCode::kFenceFailed);
    EXPECT_EQ(error.object, "MEMBER2");
    EXPECT_EQ(
        error.what,
        "fence agent lab did not confirm that MEMBER2 is off: off ended with 1: Unable to connect/login to fencing "
        "device");
    EXPECT_NE(error.remedy.find("set-down MEMBER2"), std::string::npos);
}

TEST_F(AgentProgramTest, agent_that_lies_is_not_believed) {
    EXPECT_EQ(off(config("grep -q action=off && exit 0; echo 'Status: ON'; exit 0\n")).error().code,
              ErrorCode::kFenceFailed);
}

TEST_F(AgentProgramTest, status_that_does_not_know_is_not_believed) {
    EXPECT_EQ(off(config("grep -q action=off && exit 0; exit 1\n")).error().code, ErrorCode::kFenceFailed);
}

class CredentialsTest : public AgentProgramTest {
  protected:
    std::filesystem::path credentials(const std::string& text, std::filesystem::perms mode) {
        const auto path = directory_.path() / "credentials";
        std::ofstream(path) << text;
        std::filesystem::permissions(path, mode);
        return path;
    }
    static constexpr auto k0600 = std::filesystem::perms::owner_read | std::filesystem::perms::owner_write;
    const CredentialsRule mine_{::geteuid()};
};

TEST_F(CredentialsTest, go_to_the_agents_input_and_cannot_change_what_it_does) {
    auto with = config(kGood);
    with.credentials = credentials("# of the lab\n\nlogin=ssi\npasswd=a=b c\n", k0600);
    AgentProgram agent(with, mine_);
    ASSERT_TRUE(run(io_, agent.off(member_)));
    EXPECT_TRUE(file("input").starts_with("ip=10.0.0.1\npassword=secret\nlogin=ssi\npasswd=a=b c\nplug=outlet-7\n"));
    EXPECT_EQ(read_fence_credentials(credentials("action=on\n", k0600), mine_).error().code,
              ErrorCode::kCredentialsUnsafe);
}

TEST_F(CredentialsTest, that_an_agent_repeats_do_not_reach_the_log) {
    auto with = config("echo 'login ssi with hunter22 refused'; exit 1\n");
    with.credentials = credentials("passwd=hunter22\n", k0600);
    AgentProgram agent(with, mine_);
    const auto error = run(io_, agent.off(member_)).error();
    EXPECT_NE(error.what.find("login ssi with *** refused"), std::string::npos) << error.what;
}

TEST_F(CredentialsTest, that_others_may_read_are_refused_by_name_and_the_agent_is_not_called) {
    auto with = config(kGood);
    with.credentials = credentials("passwd=hunter22\n", k0600 | std::filesystem::perms::group_read);
    const auto read = read_fence_credentials(with.credentials, mine_);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::kCredentialsUnsafe);
    EXPECT_NE(read.error().what.find(with.credentials.string()), std::string::npos);
    EXPECT_EQ(read.error().remedy, "chmod 0600 " + with.credentials.string());
    AgentProgram agent(with, mine_);
    EXPECT_FALSE(run(io_, agent.off(member_)));
    EXPECT_EQ(file("input"), "");
}

TEST_F(CredentialsTest, of_another_owner_or_that_make_no_sense_are_refused) {
    const auto good = credentials("passwd=x\n", k0600);
    EXPECT_TRUE(read_fence_credentials(good, mine_));
    EXPECT_EQ(read_fence_credentials(good, {::geteuid() + 1}).error().code, ErrorCode::kCredentialsUnsafe);
    const auto error = read_fence_credentials(credentials("passwd=x\nhunter22\n", k0600), mine_).error();
    EXPECT_NE(error.what.find("line 2 is not key=value"), std::string::npos) << error.what;
    EXPECT_EQ(error.text().find("hunter22"), std::string::npos) << "no value is ever shown";
    EXPECT_EQ(read_fence_credentials(directory_.path(), mine_).error().code, ErrorCode::kCredentialsUnsafe);
    EXPECT_EQ(read_fence_credentials(directory_.path() / "absent", mine_).error().code, ErrorCode::kConfigMissing);
}

TEST_F(AgentProgramTest, test_asks_and_fires_nothing) {
    std::ofstream(directory_.path() / "power") << "on";
    AgentProgram agent(config(kGood));
    const auto status = run(io_, agent.status(member_));
    EXPECT_TRUE(status.ok);
    EXPECT_EQ(status.says, "Status: ON");
    const auto monitor = run(io_, agent.monitor(member_));
    EXPECT_TRUE(monitor.ok);
    EXPECT_TRUE(std::filesystem::exists(directory_.path() / "power"));
    EXPECT_EQ(file("input").find("action=off"), std::string::npos);
}

TEST_F(AgentProgramTest, test_tells_a_device_that_cannot_be_relied_on) {
    AgentProgram agent(config("echo 'Unable to connect'; exit 1\n"));
    const auto status = run(io_, agent.status(member_));
    EXPECT_FALSE(status.ok);
    EXPECT_EQ(status.says, "exit status 1: Unable to connect");
}

/// Waits, bounded, until the process has ended.
bool ends(pid_t pid) {
    const auto pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (pidfd < 0) return errno == ESRCH;
    pollfd wait{pidfd, POLLIN, 0};
    const bool ended = ::poll(&wait, 1, 10'000) == 1;
    ::close(pidfd);
    return ended;
}

TEST_F(AgentProgramTest, agent_that_hangs_is_killed_with_its_children) {
    auto hanging = config("sleep 1000 & echo $! > child; echo $$ > pid; wait\n");
    hanging.timeout = 1s;  // enough for the script to come so far on a loaded machine
    const auto begin = std::chrono::steady_clock::now();
    const auto error = off(hanging).error();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
    EXPECT_EQ(error.code, ErrorCode::kFenceFailed);
    EXPECT_NE(error.what.find("did not end within 1000ms"), std::string::npos) << error.what;
    EXPECT_TRUE(ends(std::stoi(file("pid"))));
    EXPECT_TRUE(ends(std::stoi(file("child"))));
}

TEST_F(AgentProgramTest, agent_that_floods_is_bounded_and_not_held_up) {
    ASSERT_TRUE(off(config("grep -q action=off || exit 2; yes | head -c 20000000; exit 0\n")));
}

TEST_F(AgentProgramTest, agent_that_cannot_be_started_is_an_error) {
    auto missing = config(kGood);
    missing.agent = directory_.path() / "absent";
    EXPECT_EQ(off(missing).error().code, ErrorCode::kFenceFailed);
}

TEST_F(AgentProgramTest, control_bytes_do_not_reach_the_log) {
    const auto error = off(config("printf 'bad \\033[2J\\001 words\\n'; exit 1\n")).error();
    EXPECT_NE(error.what.find("bad ?[2J? words"), std::string::npos) << error.what;
}

class ProgramTest : public AgentProgramTest {};

TEST_F(ProgramTest, output_is_kept_up_to_its_limit) {
    const auto outcome = run(io_, run_program({script("yes | head -c 1000000\n"), {}, "", 10s})).value();
    EXPECT_EQ(outcome.output.size(), kOutputLimit);
}

TEST_F(ProgramTest, large_input_that_nobody_reads_holds_up_nobody) {
    const auto outcome = run(io_, run_program({script("exit 3\n"), {}, std::string(1'000'000, 'x'), 10s})).value();
    EXPECT_EQ(outcome.exit_status, 3);
}

TEST_F(ProgramTest, child_left_behind_does_not_hold_up_the_end) {
    const auto begin = std::chrono::steady_clock::now();
    const auto outcome = run(io_, run_program({script("sleep 1000 & echo $! > child; echo done\n"), {}, "", 10s}));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
    EXPECT_EQ(outcome.value().output, "done\n");
    ::kill(std::stoi(file("child")), SIGKILL);
}

TEST_F(ProgramTest, death_by_signal_is_an_exit_status) {
    EXPECT_EQ(run(io_, run_program({script("kill -TERM $$\n"), {}, "", 10s})).value().exit_status, 128 + SIGTERM);
}

}  // namespace
}  // namespace ssi::cluster
