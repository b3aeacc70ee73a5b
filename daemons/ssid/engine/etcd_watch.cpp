#include "daemons/ssid/engine/etcd_watch.hpp"

#include <format>
#include <utility>

#include "daemons/ssid/engine/gateway_messages.hpp"

namespace ssi::cluster {

namespace asio = boost::asio;

EtcdWatch::EtcdWatch(std::shared_ptr<GatewayPool> pool, std::string prefix, Revision after,
                     std::chrono::milliseconds silence)
    : pool_(std::move(pool)), prefix_(std::move(prefix)), after_(after), silence_(silence) {}

std::unexpected<Error> EtcdWatch::end(Error error) {
    lease_.connection.reset();
    ended_ = std::move(error);
    return std::unexpected(*ended_);
}

std::unexpected<Error> EtcdWatch::lost(const TransportFailure& why) {
    Error error{ErrorCode::kNoMajority, std::format("the watch of '{}' was lost: {}", prefix_, why.reason), prefix_,
                "see: ssictl query ssi; systemctl status ssi-etcd"};
    if (why.cancelled) return std::unexpected(std::move(error));
    return end(std::move(error));
}

asio::awaitable<Result<void>> EtcdWatch::open() {
    auto lease = co_await pool_->take(std::chrono::steady_clock::now() + pool_->timeout());
    if (!lease) co_return lost(lease.error());
    auto begun =
        co_await lease->connection->begin_lines("/v3/watch", gateway::watch_body(prefix_, after_), pool_->timeout());
    if (!begun) {
        if (!begun.error().cancelled) pool_->mark_failed(lease->endpoint, begun.error().reason);
        co_return lost(begun.error());
    }
    lease_ = std::move(*lease);
    co_return Result<void>{};
}

asio::awaitable<Result<std::vector<Change>>> EtcdWatch::next() {
    if (ended_) co_return std::unexpected(*ended_);
    if (!lease_.connection)
        if (auto opened = co_await open(); !opened) co_return std::unexpected(opened.error());
    for (;;) {
        const auto line = co_await lease_.connection->next_line(silence_);
        if (!line) {
            if (!line.error().cancelled) pool_->mark_failed(lease_.endpoint, line.error().reason);
            co_return lost(line.error());
        }
        auto read = gateway::read_watch_line(*line);
        if (!read) co_return end(std::move(read.error()));
        if (read->compacted)
            co_return end({ErrorCode::kEngineFailed,
                           std::format("changes of '{}' after revision {} are compacted (up to {})", prefix_,
                                       std::to_underlying(after_), std::to_underlying(*read->compacted)),
                           prefix_, "read the keys again"});
        if (read->ended) co_return lost({false, false, *read->ended});
        if (!read->changes.empty()) co_return std::move(read->changes);
    }
}

}  // namespace ssi::cluster
