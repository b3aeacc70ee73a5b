#include "daemons/ssid/engine/gateway_pool.hpp"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <format>
#include <tuple>
#include <utility>

#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

namespace asio = boost::asio;
using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kIdlePerEndpoint = 4;

/// A transaction that takes so long is worth a look at the leader; a slow disk alone rarely makes it so.
constexpr milliseconds kFirstLook{250};
constexpr milliseconds kNextLook{100};

std::unexpected<TransportFailure> unfit(std::string reason, bool cancelled = false) {
    return std::unexpected(TransportFailure{true, cancelled, std::move(reason)});
}

}  // namespace

GatewayPool::GatewayPool(asio::any_io_executor executor, std::vector<std::filesystem::path> endpoints,
                         std::vector<std::filesystem::path> others, milliseconds timeout)
    : executor_(std::move(executor)), timeout_(timeout), endpoints_(endpoints.size() + others.size()) {
    for (std::size_t index = 0; index < endpoints_.size(); ++index) {
        const bool preferred = index < endpoints.size();
        endpoints_[index].preferred = preferred;
        endpoints_[index].socket = std::move(preferred ? endpoints[index] : others[index - endpoints.size()]);
    }
}

void GatewayPool::prefer(const std::vector<std::filesystem::path>& endpoints) {
    for (std::size_t index = 0; index < endpoints_.size(); ++index) {
        endpoints_[index].preferred = std::ranges::contains(endpoints, endpoints_[index].socket);
        if (endpoints_[index].failed) begin_probe(index);
    }
}

std::vector<std::size_t> GatewayPool::in_order() const {
    std::vector<std::size_t> order(endpoints_.size());
    for (std::size_t index = 0; index < order.size(); ++index) order[index] = index;
    std::ranges::stable_sort(order, {}, [this](std::size_t index) {
        const auto& endpoint = endpoints_[index];
        return std::tuple(endpoint.failed, endpoint.failed ? endpoint.tried : 0, !endpoint.preferred);
    });
    return order;
}

asio::awaitable<Transported<GatewayPool::Greeted>> GatewayPool::greet(std::size_t endpoint, milliseconds timeout) {
    auto connection = co_await GatewayConnection::open(executor_, endpoints_[endpoint].socket, timeout);
    if (!connection) co_return std::unexpected(std::move(connection.error()));
    auto reply = co_await (*connection)->post("/v3/maintenance/status", "{}", timeout);
    if (!reply) co_return unfit(std::move(reply.error().reason), reply.error().cancelled);
    if (reply->status != 200) co_return unfit(gateway::read_refusal(reply->status, reply->body).message);
    auto status = gateway::read_status(reply->body);
    if (!status) co_return unfit(std::move(status.error().what));
    co_return Greeted{std::move(*connection), std::move(*status)};
}

asio::awaitable<Transported<std::unique_ptr<GatewayConnection>>> GatewayPool::open(std::size_t endpoint,
                                                                                   milliseconds timeout) {
    auto greeted = co_await greet(endpoint, timeout);
    if (!greeted) co_return std::unexpected(std::move(greeted.error()));
    if (greeted->status.is_learner) co_return unfit("it is no voter yet");
    if (greeted->status.leader == 0) co_return unfit("it knows no leader");
    endpoints_[endpoint].term = greeted->status.term;
    co_return std::move(greeted->connection);
}

asio::awaitable<void> GatewayPool::leader_gone(std::size_t endpoint) {
    const auto self = shared_from_this();
    const auto term = endpoints_[endpoint].term;
    asio::steady_timer pause(executor_);
    for (auto length = kFirstLook;; length = kNextLook) {
        pause.expires_after(length);
        co_await pause.async_wait(asio::use_awaitable);
        const auto seen = co_await greet(endpoint, timeout_);
        if (seen && (seen->status.leader == 0 || seen->status.term != term)) co_return;
    }
}

asio::awaitable<Transported<GatewayPool::Lease>> GatewayPool::take(Deadline deadline) {
    // Kept alive while suspended, whatever becomes of the engine or watch that waits here.
    const auto self = shared_from_this();
    std::string reasons;
    if (closed_) co_return std::unexpected(TransportFailure{true, false, "the engine is closed"});
    for (const auto index : in_order()) {
        auto& idle = endpoints_[index].idle;
        while (!idle.empty()) {
            auto connection = std::move(idle.back());
            idle.pop_back();
            if (connection->is_reusable()) co_return Lease{index, std::move(connection)};
        }
        const auto left = duration_cast<milliseconds>(deadline - steady_clock::now());
        if (left.count() <= 0) break;
        // One that hangs must leave time for the next.
        auto opened = co_await open(index, endpoints_.size() > 1 ? std::min(left, timeout_ / 2) : left);
        if (closed_) co_return std::unexpected(TransportFailure{true, false, "the engine is closed"});
        if (opened) {
            endpoints_[index].failed = false;
            co_return Lease{index, std::move(*opened)};
        }
        if (opened.error().cancelled) co_return std::unexpected(std::move(opened.error()));
        mark_failed(index, opened.error().reason);
        reasons += std::format("{}{}: {}", reasons.empty() ? "" : "; ", endpoints_[index].socket.native(),
                               opened.error().reason);
    }
    co_return std::unexpected(TransportFailure{true, false, reasons.empty() ? "no time left" : std::move(reasons)});
}

void GatewayPool::give_back(Lease lease) {
    auto& endpoint = endpoints_[lease.endpoint];
    if (!closed_ && !endpoint.failed && endpoint.idle.size() < kIdlePerEndpoint && lease.connection->is_reusable())
        endpoint.idle.push_back(std::move(lease.connection));
}

void GatewayPool::mark_failed(std::size_t index, std::string_view reason) {
    auto& endpoint = endpoints_[index];
    endpoint.idle.clear();
    endpoint.tried = ++tries_;
    if (endpoint.failed || closed_) return;
    endpoint.failed = true;
    log::debug(std::format("etcd at {} does not serve: {}", endpoint.socket.native(), reason));
    begin_probe(index);
}

void GatewayPool::begin_probe(std::size_t index) {
    auto& endpoint = endpoints_[index];
    if (closed_ || !endpoint.preferred || std::exchange(endpoint.probing, true)) return;
    asio::co_spawn(
        executor_, [self = shared_from_this(), index] { return self->probe(index); },
        asio::bind_cancellation_slot(endpoint.stop_probe.slot(), asio::detached));
}

bool GatewayPool::has_alternative(std::size_t endpoint) const {
    for (std::size_t index = 0; index < endpoints_.size(); ++index)
        if (index != endpoint && !endpoints_[index].failed) return true;
    return false;
}

asio::awaitable<void> GatewayPool::probe(std::size_t index) {
    auto& endpoint = endpoints_[index];
    asio::steady_timer pause(executor_);
    while (!closed_ && endpoint.failed && endpoint.preferred) {
        pause.expires_after(timeout_ / 8);
        co_await pause.async_wait(asio::use_awaitable);
        if (!endpoint.failed) break;  // a request found out first
        auto opened = co_await open(index, timeout_);
        if (!opened || closed_) continue;
        endpoint.failed = false;
        give_back({index, std::move(*opened)});
        log::debug(std::format("etcd at {} serves", endpoint.socket.native()));
    }
    endpoint.probing = false;
}

void GatewayPool::close() {
    closed_ = true;
    for (auto& endpoint : endpoints_) {
        endpoint.idle.clear();
        endpoint.stop_probe.emit(asio::cancellation_type::terminal);
    }
}

}  // namespace ssi::cluster
