#include "daemons/ssid/engine/etcd_engine.hpp"

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <format>
#include <utility>
#include <variant>

#include "daemons/ssid/engine/etcd_watch.hpp"
#include "lib/common/no_throw.hpp"

namespace ssi::cluster {
namespace {

namespace asio = boost::asio;
using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kFirstPause{20};
constexpr milliseconds kLongestPause{200};

std::unexpected<Error> no_majority(const std::string& reason) {
    return failure(ErrorCode::kNoMajority, std::format("the cluster's engine does not serve: {}", reason), "etcd",
                   "see: ssictl query ssi; systemctl status ssi-etcd");
}

std::unexpected<Error> outcome_unknown(const std::string& reason) {
    return failure(ErrorCode::kOutcomeUnknown,
                   std::format("a change of the cluster's state may or may not have happened: {}", reason), "etcd",
                   "look at the state, then try again");
}

std::unexpected<Error> refused(std::string_view target, const std::string& reason) {
    return failure(ErrorCode::kEngineFailed, std::format("etcd refused {}: {}", target, reason), "etcd",
                   "see: journalctl -u ssi-etcd");
}

}  // namespace

std::filesystem::path client_socket(const MemberName& own, const MemberName& member, const std::filesystem::path& run) {
    return member == own ? run / "etcd" / "client:1" : run / "isfc" / member.str() / "etcd-client";
}

EtcdOptions EtcdOptions::for_member(const SystemConfig& config, const MemberName& own,
                                    const std::filesystem::path& run) {
    EtcdOptions options;
    const auto voters = config.voters();
    const auto add = [&](const MemberName& member) {
        auto& list = std::ranges::contains(voters, member) ? options.endpoints : options.others;
        list.push_back(client_socket(own, member, run));
    };
    add(own);
    for (const auto& member : config.members)
        if (member.name != own) add(member.name);
    const auto scaled = [&](milliseconds time) { return duration_cast<milliseconds>(time * config.timing.scale); };
    // Outlives an election, but leaves a member whose own etcd has lost its leader the time to show a sign of life
    // through another voter before the others call it silent.
    options.timeout = config.timing.engine_election * 5 / 4;
    options.watch_silence = scaled(options.watch_silence);
    return options;
}

EtcdEngine::EtcdEngine(asio::any_io_executor executor, EtcdOptions options)
    : pool_(std::make_shared<GatewayPool>(std::move(executor), std::move(options.endpoints), std::move(options.others),
                                          options.timeout)),
      watch_silence_(options.watch_silence) {}

EtcdEngine::~EtcdEngine() {
    pool_->close();
}

asio::awaitable<Transported<GatewayReply>> EtcdEngine::post_once(const GatewayPool::Lease& lease,
                                                                 std::string_view target, std::string body,
                                                                 milliseconds timeout) {
    using namespace asio::experimental::awaitable_operators;
    // A follower that passed it to a leader that died then tells nothing for seven seconds.
    auto first =
        co_await (lease.connection->post(target, std::move(body), timeout) || pool_->leader_gone(lease.endpoint));
    if (auto* reply = std::get_if<0>(&first)) co_return std::move(*reply);
    co_return std::unexpected(TransportFailure{false, false, "the engine's leader changed meanwhile"});
}

asio::awaitable<Result<std::string>> EtcdEngine::exchange(std::string_view target, std::string body, Repeat repeat) {
    const auto deadline = steady_clock::now() + pool_->timeout();
    asio::steady_timer pause(pool_->executor());
    auto pause_length = kFirstPause;
    std::string last_reason;
    for (;;) {
        auto lease = co_await pool_->take(deadline);
        if (!lease) {
            if (lease.error().cancelled) co_return no_majority("the request was cancelled");
            last_reason = std::move(lease.error().reason);
        } else {
            auto left = std::max(duration_cast<milliseconds>(deadline - steady_clock::now()), milliseconds{1});
            if (repeat == Repeat::kAllowed && pool_->has_alternative(lease->endpoint))
                left = std::min(left, pool_->timeout() / 2);
            auto reply = co_await (repeat == Repeat::kForbidden ? post_once(*lease, target, body, left)
                                                                : lease->connection->post(target, body, left));
            if (reply && reply->status == 200) {
                pool_->give_back(std::move(*lease));
                co_return std::move(reply->body);
            }
            if (reply) {
                auto refusal = gateway::read_refusal(reply->status, reply->body);
                if (refusal.verdict == gateway::Verdict::kRefused) {
                    pool_->give_back(std::move(*lease));
                    co_return refused(target, refusal.message);
                }
                pool_->mark_failed(lease->endpoint, refusal.message);
                if (refusal.verdict == gateway::Verdict::kUnknown && repeat == Repeat::kForbidden)
                    co_return outcome_unknown(refusal.message);
                last_reason = std::move(refusal.message);
            } else {
                if (!reply.error().cancelled) pool_->mark_failed(lease->endpoint, reply.error().reason);
                if (!reply.error().nothing_sent && repeat == Repeat::kForbidden)
                    co_return outcome_unknown(reply.error().reason);
                if (reply.error().cancelled) co_return no_majority("the request was cancelled");
                last_reason = std::move(reply.error().reason);
            }
        }
        // Nothing tells when an election has ended: ask again, soon at first.
        if (steady_clock::now() + pause_length >= deadline) co_return no_majority(last_reason);
        pause.expires_after(pause_length);
        co_await pause.async_wait(kNoThrow);
        pause_length = std::min(2 * pause_length, kLongestPause);
    }
}

asio::awaitable<Result<CommitResult>> EtcdEngine::commit(Transaction transaction) {
    const auto body = co_await exchange("/v3/kv/txn", gateway::transaction_body(transaction), Repeat::kForbidden);
    if (!body) co_return std::unexpected(body.error());
    auto result = gateway::read_commit(*body);
    // It was carried out; we just cannot tell which way.
    if (!result) co_return outcome_unknown(result.error().what);
    co_return result;
}

asio::awaitable<Result<Snapshot>> EtcdEngine::read(std::string prefix) {
    const auto body = co_await exchange("/v3/kv/range", gateway::range_body(prefix), Repeat::kAllowed);
    if (!body) co_return std::unexpected(body.error());
    co_return gateway::read_range(*body);
}

std::unique_ptr<Watch> EtcdEngine::watch(std::string prefix, Revision after) {
    return std::make_unique<EtcdWatch>(pool_, std::move(prefix), after, watch_silence_);
}

asio::awaitable<Result<void>> EtcdEngine::compact(Revision revision) {
    const auto body = co_await exchange("/v3/kv/compaction", gateway::compaction_body(revision), Repeat::kAllowed);
    if (!body && !body.error().what.contains(gateway::kAlreadyCompacted)) co_return std::unexpected(body.error());
    co_return Result<void>{};
}

asio::awaitable<Result<gateway::ServerStatus>> EtcdEngine::status() {
    const auto body = co_await exchange("/v3/maintenance/status", "{}", Repeat::kAllowed);
    if (!body) co_return std::unexpected(body.error());
    co_return gateway::read_status(*body);
}

asio::awaitable<Result<std::vector<gateway::Voter>>> EtcdEngine::voters() {
    const auto body = co_await exchange("/v3/cluster/member/list", R"({"linearizable":true})", Repeat::kAllowed);
    if (!body) co_return std::unexpected(body.error());
    co_return gateway::read_voters(*body);
}

asio::awaitable<Result<std::vector<gateway::Alarm>>> EtcdEngine::alarms() {
    const auto body = co_await exchange("/v3/maintenance/alarm", R"({"action":"GET"})", Repeat::kAllowed);
    if (!body) co_return std::unexpected(body.error());
    co_return gateway::read_alarms(*body);
}

asio::awaitable<Result<void>> EtcdEngine::disarm(gateway::Alarm alarm) {
    const auto done = co_await exchange("/v3/maintenance/alarm", gateway::disarm_body(alarm), Repeat::kAllowed);
    if (!done) co_return std::unexpected(done.error());
    co_return Result<void>{};
}

asio::awaitable<Result<void>> EtcdEngine::change_voters(std::string_view verb, std::string body) {
    const auto done =
        co_await exchange(std::format("/v3/cluster/member/{}", verb), std::move(body), Repeat::kForbidden);
    if (!done) co_return std::unexpected(done.error());
    co_return Result<void>{};
}

asio::awaitable<Result<void>> EtcdEngine::add_learner(std::string peer_url) {
    return change_voters("add", gateway::add_learner_body(peer_url));
}

asio::awaitable<Result<void>> EtcdEngine::promote(std::uint64_t id) {
    return change_voters("promote", gateway::voter_body(id));
}

asio::awaitable<Result<void>> EtcdEngine::remove(std::uint64_t id) {
    return change_voters("remove", gateway::voter_body(id));
}

}  // namespace ssi::cluster
