#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <limits>

#include "lib/common/metrics_server.hpp"
#include "lib/common/metrics_text.hpp"
#include "lib/common/no_throw.hpp"
#include "tests/unit/coroutines.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi {
namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;

TEST(MetricsText, families_have_help_type_and_their_samples_together) {
    MetricsText metrics;
    auto& up = metrics.gauge("ssi_up", "Whether it is up.");
    auto& sent = metrics.counter("ssi_sent_bytes_total", "Bytes sent.");
    for (const auto* channel : {"0", "1"}) {
        up.add({{"member", "M2"}, {"channel", channel}}, 1U);
        sent.add({{"member", "M2"}, {"channel", channel}}, std::uint64_t{18'446'744'073'709'551'615U});
    }
    EXPECT_EQ(metrics.text(),
              "# HELP ssi_up Whether it is up.\n"
              "# TYPE ssi_up gauge\n"
              "ssi_up{member=\"M2\",channel=\"0\"} 1\n"
              "ssi_up{member=\"M2\",channel=\"1\"} 1\n"
              "# HELP ssi_sent_bytes_total Bytes sent.\n"
              "# TYPE ssi_sent_bytes_total counter\n"
              "ssi_sent_bytes_total{member=\"M2\",channel=\"0\"} 18446744073709551615\n"
              "ssi_sent_bytes_total{member=\"M2\",channel=\"1\"} 18446744073709551615\n");
}

TEST(MetricsText, what_the_format_reserves_is_escaped) {
    MetricsText metrics;
    metrics.gauge("a", "back\\slash, \"quote\"\nand line").add({{"l", "back\\slash, \"quote\"\nand line"}}, 0U);
    EXPECT_EQ(metrics.text(),
              "# HELP a back\\\\slash, \"quote\"\\nand line\n# TYPE a gauge\n"
              "a{l=\"back\\\\slash, \\\"quote\\\"\\nand line\"} 0\n");
}

TEST(MetricsText, numbers_are_what_prometheus_parses) {
    MetricsText metrics;
    auto& family = metrics.gauge("a", "h");
    for (const double value : {0.25, 1e300, -2.0, std::numeric_limits<double>::infinity(),
                               -std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
        family.add({}, value);
    EXPECT_EQ(metrics.text(), "# HELP a h\n# TYPE a gauge\na 0.25\na 1e+300\na -2\na +Inf\na -Inf\na NaN\n");
}

TEST(MetricsText, family_without_a_sample_is_left_out) {
    MetricsText metrics;
    metrics.gauge("a", "h");
    EXPECT_EQ(metrics.text(), "");
}

class MetricsServerTest : public ::testing::Test {
  protected:
    MetricsServerTest() { EXPECT_TRUE(server_->start()); }
    ~MetricsServerTest() override {
        server_->stop();
        io_.restart();
        io_.run();  // ends: nothing of it is left
    }

    /// Sends text and returns all that comes until the server closes.
    std::string exchange(std::string text) {
        return test::run(io_, [](std::filesystem::path path, std::string sent) -> asio::awaitable<std::string> {
            stream_protocol::socket socket(co_await asio::this_coro::executor);
            co_await socket.async_connect(stream_protocol::endpoint(path.native()), asio::use_awaitable);
            co_await asio::async_write(socket, asio::buffer(sent), asio::use_awaitable);
            std::string received;
            co_await asio::async_read(socket, asio::dynamic_buffer(received), kNoThrow);
            co_return received;
        }(path_, std::move(text)));
    }

    asio::io_context io_;
    test::TemporaryDirectory directory_;
    std::filesystem::path path_ = directory_.path() / "test.sock";
    int scrapes_ = 0;
    std::shared_ptr<MetricsServer> server_ = std::make_shared<MetricsServer>(
        io_.get_executor(), path_, [this] { return std::format("scrapes {}\n", ++scrapes_); },
        std::chrono::milliseconds(100));
};

TEST_F(MetricsServerTest, get_gives_the_text_with_the_type_that_prometheus_wants) {
    const auto reply = exchange("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 200 OK\r\n")) << reply;
    EXPECT_NE(reply.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), std::string::npos) << reply;
    EXPECT_TRUE(reply.ends_with("\r\n\r\nscrapes 1\n")) << reply;
}

TEST_F(MetricsServerTest, a_connection_may_ask_again) {
    const auto reply = exchange(
        "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_NE(reply.find("scrapes 1\n"), std::string::npos) << reply;
    EXPECT_TRUE(reply.ends_with("scrapes 2\n")) << reply;
}

TEST_F(MetricsServerTest, head_has_the_length_and_no_body) {
    const auto reply = exchange("HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_NE(reply.find("Content-Length: 10\r\n"), std::string::npos) << reply;
    EXPECT_TRUE(reply.ends_with("\r\n\r\n")) << reply;
}

TEST_F(MetricsServerTest, everything_else_is_refused) {
    EXPECT_TRUE(exchange("GET / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 404 "));
    EXPECT_TRUE(exchange("POST /metrics HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 405 "));
    EXPECT_EQ(exchange("what is this\r\n\r\n"), "");
    EXPECT_EQ(exchange("GET /metrics HTTP/1.1\r\nX: " + std::string(100'000, 'x')), "");
    EXPECT_EQ(scrapes_, 0);
}

TEST_F(MetricsServerTest, a_client_that_says_nothing_is_let_go) {
    EXPECT_EQ(exchange(""), "");
}

TEST_F(MetricsServerTest, socket_is_not_for_everybody_and_goes_with_the_server) {
    struct stat status{};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0660U);
    server_->stop();
    EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(MetricsServerTest, socket_of_an_earlier_life_is_replaced) {
    const auto next = std::make_shared<MetricsServer>(io_.get_executor(), path_, [] { return "second\n"; });
    ASSERT_TRUE(next->start());
    EXPECT_TRUE(exchange("GET /metrics HTTP/1.0\r\n\r\n").ends_with("second\n"));
    next->stop();
}

TEST(MetricsServer, place_that_cannot_be_is_an_error) {
    asio::io_context io;
    const auto server = std::make_shared<MetricsServer>(io.get_executor(), "/nonexistent/x", [] { return ""; });
    EXPECT_EQ(server->start().error().code, ErrorCode::kSystemFailed);
}

}  // namespace
}  // namespace ssi
