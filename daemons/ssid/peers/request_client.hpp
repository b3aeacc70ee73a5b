#pragma once
/// Asking the ssid of another member.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <filesystem>

#include "daemons/ssid/peers/request_message.hpp"

namespace ssi::cluster {

/// Behind an interface, so that what asks can be tested without sockets.
class Peers {
  public:
    virtual ~Peers() = default;
    /// The peer's answer or refusal. kLinkDown: no link to it, it has no such service, or the stream ended before the
    /// answer; kTimedOut. After either of the two it is not known whether the request was done.
    virtual boost::asio::awaitable<Result<json::Object>> ask(MemberName member, std::string request,
                                                             json::Object content,
                                                             std::chrono::milliseconds timeout) = 0;
};

class RequestClient final : public Peers {
  public:
    /// `links`: where isfcd has a folder for each peer.
    RequestClient(boost::asio::any_io_executor executor, MemberName own, std::filesystem::path links = "/run/ssi/isfc")
        : executor_(std::move(executor)), own_(std::move(own)), links_(std::move(links)) {}
    boost::asio::awaitable<Result<json::Object>> ask(MemberName member, std::string request, json::Object content,
                                                     std::chrono::milliseconds timeout) override;

  private:
    boost::asio::any_io_executor executor_;
    MemberName own_;
    std::filesystem::path links_;
};

}  // namespace ssi::cluster
