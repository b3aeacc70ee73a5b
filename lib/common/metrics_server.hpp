#pragma once
/// Answers a scrape on a UNIX socket: `curl --unix-socket FILE http://localhost/metrics`.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "lib/common/error.hpp"

namespace ssi {

/// HTTP/1.1, GET and HEAD of /metrics alone. At most a few connections at a time, and none that says nothing for long:
/// who may connect can keep others from reading numbers, and do no more harm than that. One executor, one thread; its
/// coroutines hold it until stop().
class MetricsServer : public std::enable_shared_from_this<MetricsServer> {
  public:
    /// Makes the text of one answer; see MetricsText.
    using Source = std::function<std::string()>;

    MetricsServer(boost::asio::any_io_executor executor, std::filesystem::path socket, Source source,
                  std::chrono::milliseconds patience = std::chrono::seconds(5));
    /// Makes the socket (0660; its group is that of the directory where that has the set-group-ID bit), also in the
    /// place of an old one. Error: kSystemFailed.
    [[nodiscard]] Result<void> start();
    /// Ends all connections and removes the socket.
    void stop();

  private:
    struct Connection;
    boost::asio::awaitable<void> accept();
    boost::asio::awaitable<void> serve(std::shared_ptr<Connection> connection);

    boost::asio::any_io_executor executor_;
    std::filesystem::path path_;
    Source source_;
    std::chrono::milliseconds patience_;
    boost::asio::local::stream_protocol::acceptor acceptor_;
    std::set<std::shared_ptr<Connection>> connections_;
};

}  // namespace ssi
