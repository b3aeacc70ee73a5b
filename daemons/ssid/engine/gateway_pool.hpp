#pragma once
/// The ways to etcd: several endpoints in order of preference, idle connections kept for the next request, and a memory
/// of which endpoints failed. A preferred endpoint that failed is asked again in the background until it serves;
/// meanwhile the others are used.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "daemons/ssid/engine/gateway_connection.hpp"
#include "daemons/ssid/engine/gateway_messages.hpp"

namespace ssi::cluster {

/// Used on the engine's io_context only. Owned by shared_ptr: watches and background probes hold it too.
class GatewayPool : public std::enable_shared_from_this<GatewayPool> {
  public:
    using Deadline = std::chrono::steady_clock::time_point;

    /// A connection and where it leads.
    struct Lease {
        std::size_t endpoint = 0;
        std::unique_ptr<GatewayConnection> connection;
    };

    /// `timeout` is that of one request; at least one endpoint. `others` are asked only when none of `endpoints`
    /// serves.
    GatewayPool(boost::asio::any_io_executor executor, std::vector<std::filesystem::path> endpoints,
                std::vector<std::filesystem::path> others, std::chrono::milliseconds timeout);

    /// From now on these of the known endpoints are preferred to the others.
    void prefer(const std::vector<std::filesystem::path>& endpoints);

    /// A connection to the first endpoint that serves: an idle one, or a new one that has just answered that it knows a
    /// leader, so that a commit is not the first to find out that nobody does. Failures have nothing_sent.
    boost::asio::awaitable<Transported<Lease>> take(Deadline deadline);
    /// Back after a whole reply.
    void give_back(Lease lease);
    /// The endpoint did not answer, or not as one that can serve: its idle connections go, and it is probed.
    void mark_failed(std::size_t endpoint, std::string_view reason);
    /// Whether another endpoint than this one is in good standing.
    [[nodiscard]] bool has_alternative(std::size_t endpoint) const;
    /// Waits until the endpoint says that it knows no leader, or that there was an election since the last connection
    /// was made to it: what it was asked to pass on to the leader may then be lost, and nobody would say so.
    boost::asio::awaitable<void> leader_gone(std::size_t endpoint);
    /// Ends the probes; nothing is taken afterwards.
    void close();

    [[nodiscard]] const boost::asio::any_io_executor& executor() const { return executor_; }
    [[nodiscard]] std::chrono::milliseconds timeout() const { return timeout_; }

  private:
    struct Endpoint {
        std::filesystem::path socket;
        std::uint64_t term = 0;  ///< When the last connection was made.
        bool preferred = true;
        bool failed = false;
        bool probing = false;     ///< A probe runs; it is the only one.
        std::uint64_t tried = 0;  ///< When it failed last; of those that failed, the one tried longest ago is the next.
        std::vector<std::unique_ptr<GatewayConnection>> idle;
        boost::asio::cancellation_signal stop_probe;
    };

    struct Greeted {
        std::unique_ptr<GatewayConnection> connection;
        gateway::ServerStatus status;
    };
    boost::asio::awaitable<Transported<Greeted>> greet(std::size_t endpoint, std::chrono::milliseconds timeout);
    boost::asio::awaitable<Transported<std::unique_ptr<GatewayConnection>>> open(std::size_t endpoint,
                                                                                 std::chrono::milliseconds timeout);
    void begin_probe(std::size_t endpoint);
    boost::asio::awaitable<void> probe(std::size_t endpoint);
    [[nodiscard]] std::vector<std::size_t> in_order() const;

    boost::asio::any_io_executor executor_;
    std::chrono::milliseconds timeout_;
    std::vector<Endpoint> endpoints_;
    std::uint64_t tries_ = 0;
    bool closed_ = false;
};

}  // namespace ssi::cluster
