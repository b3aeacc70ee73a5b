// A client of the metrics' socket, in pieces of any size: only who asks for /metrics gets numbers, and whoever asks
// next gets them too.

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <string>
#include <string_view>

#include "lib/common/metrics_server.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace {

using namespace ssi;
using fuzz::require;
namespace asio = boost::asio;
using asio::local::stream_protocol;

constexpr std::size_t kMostBytes = 32 * 1024;

class Scraped {
  public:
    Scraped() { require(server_->start().has_value()); }
    ~Scraped() {
        server_->stop();
        io_.restart();
        io_.run();
    }

    /// Sends the pieces of a text, ends, and returns what came.
    std::string exchange(std::string_view text, std::size_t piece) {
        scrapes_ = 0;
        stream_protocol::socket client(io_);
        client.connect(stream_protocol::endpoint(path_.native()));
        std::string reply;
        bool has_ended = false;
        asio::async_read(client, asio::dynamic_buffer(reply),
                         [&](boost::system::error_code, std::size_t) { has_ended = true; });
        io_.restart();
        boost::system::error_code gone;  // the server may close first
        for (; !text.empty() && !gone; text.remove_prefix(std::min(piece, text.size()))) {
            client.write_some(asio::buffer(text.substr(0, piece)), gone);
            io_.poll();
        }
        client.shutdown(stream_protocol::socket::shutdown_send, gone);
        while (!has_ended) require(io_.run_one() > 0);
        return reply;
    }
    [[nodiscard]] int scrapes() const { return scrapes_; }

  private:
    asio::io_context io_;
    test::TemporaryDirectory directory_;
    std::filesystem::path path_ = directory_.path() / "fuzz.sock";
    int scrapes_ = 0;
    std::shared_ptr<MetricsServer> server_ = std::make_shared<MetricsServer>(
        io_.get_executor(), path_,
        [this] {
            ++scrapes_;
            return "ssi_up 1\n";
        },
        std::chrono::seconds(60));
};

int count(std::string_view text, std::string_view what) {
    int found = 0;
    for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + what.size())) ++found;
    return found;
}

}  // namespace

/// The first byte is the size of the pieces in which the rest arrives.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    static Scraped scraped;
    const std::string_view text(reinterpret_cast<const char*>(data + 1), std::min(size - 1, kMostBytes));
    const auto reply = scraped.exchange(text, data[0] == 0 ? kMostBytes : data[0]);
    require(reply.empty() || reply.starts_with("HTTP/1."));
    require(scraped.scrapes() <= count(text, "/metrics"));
    const auto next = scraped.exchange("GET /metrics HTTP/1.0\r\n\r\n", kMostBytes);
    require(next.starts_with("HTTP/1.0 200 OK\r\n") && next.ends_with("ssi_up 1\n"));
    return 0;
}
