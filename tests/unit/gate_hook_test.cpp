// The real ssi-hook against ssid's end of its socket.

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>
#include <thread>

#include "daemons/ssid/gate/hook_server.hpp"
#include "daemons/ssid/gate/spawn.hpp"
#include "tests/unit/gate_processes.hpp"

namespace ssi::gate::test {
namespace {

using namespace std::chrono_literals;
using cluster::HookRequest;
using cluster::HookServer;

class HookTest : public ::testing::Test {
  protected:
    /// Answers with `decision` while the test runs; without one it never answers.
    void serve(std::optional<Result<void>> decision) {
        auto listening = HookServer::listen(io.get_executor(), socket, [this, decision](HookRequest request) {
            return decide(std::move(request), decision);
        });
        ASSERT_TRUE(listening);
        server.emplace(std::move(*listening));
        spawn(io.get_executor(), server->run());
        thread = std::jthread([this] { io.run(); });
    }
    boost::asio::awaitable<Result<void>> decide(HookRequest request, std::optional<Result<void>> decision) {
        {
            const std::lock_guard lock(mutex);
            heard = std::move(request);
        }
        if (decision) co_return *decision;
        boost::asio::steady_timer forever(io, 1h);
        co_await forever.async_wait(boost::asio::use_awaitable);
        co_return Result<void>{};
    }

    int hook(const std::string& operation, const std::string& xml = "<domain/>") {
        std::ofstream(input) << xml;
        const auto status = Child::start({SSI_HOOK, "linux01", operation, "begin", "-"}, input, output,
                                         {{"SSI_HOOK_SOCKET", socket.string()},
                                          {"SSI_HOOK_TIMEOUT_MS", patience},
                                          {"SSI_HOOK_SAVED_IMAGES", directory.path().string()}})
                                .wait();
        std::ifstream file(output);
        said = {std::istreambuf_iterator<char>(file), {}};
        const std::lock_guard lock(mutex);
        asked = heard;
        return status;
    }

    void TearDown() override { io.stop(); }

    std::string patience = "20000";  // ms; megabytes take long under a sanitizer
    TemporaryDirectory directory;
    std::filesystem::path socket = directory.path() / "hook.sock";
    std::string input = directory.path() / "xml";
    std::string output = directory.path() / "output";
    boost::asio::io_context io;
    std::optional<HookServer> server;
    std::mutex mutex;
    HookRequest heard;  // guarded by mutex: the thread writes it
    HookRequest asked;  // what the last hook asked, and what it said
    std::string said;
    std::jthread thread;
};

const Result<void> kRefused = failure(ErrorCode::kGuestRunsElsewhere, "guest linux01 runs on MEMBER2", "linux01",
                                      "use: ssictl relocate move linux01 MEMBER1");

TEST_F(HookTest, prepare_that_ssid_allows_says_nothing) {
    serve(Result<void>{});
    EXPECT_EQ(hook("prepare", "<domain>\n <name>linux01</name>\xc3\xa4\"\\</domain>"), 0);
    EXPECT_EQ(said, "");
    EXPECT_EQ(asked.guest.str(), "linux01");
    EXPECT_EQ(asked.operation, "prepare");
    EXPECT_EQ(asked.suboperation, "begin");
    EXPECT_EQ(asked.xml, "<domain>\n <name>linux01</name>\xc3\xa4\"\\</domain>");
}

TEST_F(HookTest, refusal_is_the_one_line_that_virsh_shows) {
    serve(kRefused);
    EXPECT_EQ(hook("prepare"), 1);
    EXPECT_EQ(said, "SSI-1040 guest linux01 runs on MEMBER2 (use: ssictl relocate move linux01 MEMBER1)\n");
}

TEST_F(HookTest, operations_that_must_not_be_refused_never_are) {
    serve(kRefused);
    for (const auto* operation : {"start", "started", "reconnect", "stopped", "release", "attach"}) {
        EXPECT_EQ(hook(operation), 0) << operation;
        EXPECT_EQ(said, "") << operation;
        EXPECT_EQ(asked.operation, operation);
    }
}

TEST_F(HookTest, without_ssid_starts_are_refused_and_ends_are_not) {
    for (const auto* operation : {"prepare", "migrate", "restore"}) {
        EXPECT_EQ(hook(operation), 1) << operation;
        EXPECT_TRUE(said.starts_with("SSI-2001 ssid does not answer on this member, so guest linux01 was not started"));
        EXPECT_TRUE(said.ends_with("(try: systemctl status ssid)\n"));
    }
    for (const auto* operation : {"start", "started", "reconnect", "stopped", "release", "attach"})
        EXPECT_EQ(hook(operation), 0) << operation;
}

TEST_F(HookTest, a_managed_save_image_is_refused_at_prepare_alone_for_libvirt_would_delete_it) {
    std::ofstream(directory.path() / "linux01.save");
    EXPECT_EQ(hook("restore"), 0);
    EXPECT_EQ(hook("prepare"), 1);
}

TEST_F(HookTest, ssid_that_hangs_is_waited_for_within_the_limit) {
    serve(std::nullopt);
    patience = "400";
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ(hook("prepare"), 1);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 10s) << "the usual limit is longer";
    EXPECT_TRUE(said.contains("no answer in time"));
}

TEST_F(HookTest, xml_of_megabytes_is_passed_and_one_beyond_the_limit_refused) {
    serve(Result<void>{});
    EXPECT_EQ(hook("prepare", std::string(3 << 20, 'x')), 0);
    EXPECT_EQ(asked.xml.size(), 3U << 20);
    EXPECT_EQ(hook("prepare", std::string((4 << 20) + 1, 'x')), 1);
}

}  // namespace
}  // namespace ssi::gate::test
