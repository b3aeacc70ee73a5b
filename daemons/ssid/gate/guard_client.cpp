#include "daemons/ssid/gate/guard_client.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/serialize.hpp>
#include <format>
#include <utility>

#include "daemons/ssid/gate/pdr_pass_json.hpp"
#include "daemons/ssid/gate/right_names.hpp"
#include "daemons/ssid/gate/spawn.hpp"
#include "lib/common/log.hpp"
#include "lib/common/no_throw.hpp"

namespace ssi::cluster {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using gate::to_text;

constexpr auto kCallTime = 1000ms;
/// What is left of a call's time when the guard may still begin it: its answer has to come back.
constexpr auto kAnswerTime = 50ms;
constexpr auto kFirstPause = 20ms;
constexpr auto kLongestPause = 500ms;
constexpr std::size_t kLineLimit = 8 << 20;

std::unexpected<Error> unreachable(const std::filesystem::path& path) {
    return failure(ErrorCode::kGuardUnreachable, "ssi-guard does not answer on this member", path.string(),
                   "see: systemctl status ssi-guard");
}

json::Object request(std::string_view operation, const GuestName& guest, const RunId& run) {
    return {{"op", operation}, {"guest", guest.str()}, {"run", run.str()}};
}

Result<Right> read_right(const json::Object& object) {
    const auto guest = json::text(object, "guest").and_then(GuestName::parse);
    const auto uuid = json::text(object, "uuid").and_then(GuestUuid::parse);
    const auto run = json::text(object, "run").and_then(gate::parse_run);
    const auto kind = json::text(object, "kind").and_then(gate::parse_right_kind);
    const auto state = json::text(object, "state").and_then(gate::parse_right_state);
    if (!guest) return std::unexpected(guest.error());
    if (!uuid) return std::unexpected(uuid.error());
    if (!run) return std::unexpected(run.error());
    if (!kind) return std::unexpected(kind.error());
    if (!state) return std::unexpected(state.error());
    return Right{*guest, *uuid, *run, *kind, *state};
}

Result<GuardEvent> read_event(const json::Object& object) {
    const auto kind = json::text(object, "event").and_then(gate::parse_event_kind);
    const auto guest = json::text(object, "guest").and_then(GuestName::parse);
    const auto run = json::text(object, "run").and_then(gate::parse_run);
    if (!kind) return std::unexpected(kind.error());
    if (!guest) return std::unexpected(guest.error());
    if (!run) return std::unexpected(run.error());
    return GuardEvent{*kind, *guest, *run};
}

}  // namespace

GuardClient::GuardClient(asio::any_io_executor executor, Clock& clock, std::filesystem::path socket)
    : executor_(std::move(executor)),
      clock_(clock),
      path_(std::move(socket)),
      socket_(executor_),
      changed_(executor_) {}

asio::awaitable<void> GuardClient::run() {
    std::chrono::milliseconds pause = kFirstPause;
    bool said = false;
    for (;;) {
        socket_ = gate::UnixSocket(executor_);
        const auto [error] =
            co_await socket_.async_connect(asio::local::stream_protocol::endpoint(path_.string()), kNoThrow);
        if (error == asio::error::operation_aborted) co_return;
        if (!error) {
            pause = kFirstPause;
            said = false;
            co_await serve_connection();
        } else if (!std::exchange(said, true)) {
            log::warning("waiting for the guard", unreachable(path_).error());
        }
        co_await clock_.sleep(pause);
        pause = std::min<std::chrono::milliseconds>(pause * 2, kLongestPause);
    }
}

asio::awaitable<void> GuardClient::serve_connection() {
    connected_ = true;
    ++connection_;
    changed_.notify();
    if (on_connected) on_connected();
    std::string received;
    for (;;) {
        const auto [error, size] =
            co_await asio::async_read_until(socket_, asio::dynamic_buffer(received, kLineLimit), '\n', kNoThrow);
        if (error) break;
        auto message = json::parse(std::string_view(received).substr(0, size), "ssi-guard", kLineLimit);
        received.erase(0, size);
        if (!message) {
            log::error("closing the connection to the guard", message.error());
            break;
        }
        if (message->contains("event"))
            co_await deliver(std::move(*message));
        else
            take_reply(*message);
    }
    disconnect();
}

/// After the coroutines whose answers came before the event: what they find is older than it.
asio::awaitable<void> GuardClient::deliver(json::Object message) {
    if (json::text_or(message, "event", "") == gate::kPdrPassEvent) {
        const auto pass = gate::pdr_pass_from_json(message);
        if (!pass)
            log::error("a pass over the PDR was not understood", pass.error());
        else if (on_pdr_pass)
            on_pdr_pass(*pass);
        co_return;
    }
    const auto event = read_event(message);
    if (!event) {
        log::error("an event of the guard was not understood", event.error());
        co_return;
    }
    co_await asio::post(executor_, asio::use_awaitable);
    if (on_event) on_event(*event);
}

void GuardClient::take_reply(const json::Object& reply) {
    const auto id = json::unsigned_number(reply, "id");
    const auto waiting = id ? calls_.find(*id) : calls_.end();
    if (waiting == calls_.end()) return;  // its caller has given up
    if (json::boolean_or(reply, "ok", false))
        waiting->second = reply;
    else
        waiting->second = std::unexpected(json::to_error(json::object(reply, "error").value_or(json::Object{})));
    changed_.notify();
}

void GuardClient::disconnect() {
    boost::system::error_code ignored;  // closing is all that can be done
    socket_.close(ignored);
    connected_ = false;
    queue_.clear();
    changed_.notify();
}

asio::awaitable<bool> GuardClient::wait_connected(BootTime deadline) {
    while (!connected_ && clock_.now() < deadline)
        co_await clock_.wait_change(changed_, changed_.count(), deadline - clock_.now());
    co_return connected_;
}

asio::awaitable<Result<json::Object>> GuardClient::call(json::Object message) {
    const auto deadline = clock_.now() + kCallTime;
    const auto begin_by = deadline - kAnswerTime;
    message["v"] = 1;
    message["deadline_ms"] = begin_by.time_since_epoch().count();
    // Every operation may be repeated without harm, so one that a restart of the guard has cut off is sent again.
    while (co_await wait_connected(begin_by)) {
        const auto connection = connection_;
        const auto id = ++last_id_;
        message["id"] = id;
        queue_.push_back(boost::json::serialize(message) + '\n');
        calls_[id];
        if (!std::exchange(writing_, true)) gate::spawn(executor_, write_queue(connection));

        while (!calls_[id] && connected_ && connection == connection_ && clock_.now() < deadline)
            co_await clock_.wait_change(changed_, changed_.count(), deadline - clock_.now());
        auto reply = std::move(calls_[id]);
        calls_.erase(id);
        if (reply) co_return std::move(*reply);
        if (clock_.now() >= begin_by) break;
    }
    co_return unreachable(path_);
}

asio::awaitable<void> GuardClient::write_queue(std::uint64_t connection) {
    while (connection == connection_ && connected_ && !queue_.empty()) {
        const auto line = std::move(queue_.front());
        queue_.pop_front();
        const auto [error, size] = co_await asio::async_write(socket_, asio::buffer(line), kNoThrow);
        if (error) break;  // the reader sees the end of the connection too
    }
    writing_ = false;
}

asio::awaitable<Result<void>> GuardClient::plain_call(json::Object message) {
    const auto reply = co_await call(std::move(message));
    if (!reply) co_return std::unexpected(reply.error());
    co_return Result<void>{};
}

asio::awaitable<Result<std::vector<Right>>> GuardClient::rights() {
    const auto reply = co_await call({{"op", "hello"}});
    if (!reply) co_return std::unexpected(reply.error());
    const auto* list = reply->if_contains("rights");
    if (list == nullptr || !list->is_array())
        co_return failure(ErrorCode::kProtocolViolated, "ssi-guard sent no list of rights", path_.string());
    std::vector<Right> rights;
    for (const auto& value : list->get_array()) {
        auto right = value.is_object() ? read_right(value.get_object()) : read_right({});
        if (!right) co_return std::unexpected(right.error());
        rights.push_back(std::move(*right));
    }
    co_return rights;
}

asio::awaitable<Result<void>> GuardClient::grant(GuestName guest, GuestUuid uuid, RunId run, RightKind kind,
                                                 std::chrono::milliseconds lifetime) {
    auto message = request("grant", guest, run);
    message["uuid"] = uuid.str();
    message["kind"] = to_text(kind);
    message["lifetime_ms"] = lifetime.count();
    co_return co_await plain_call(std::move(message));
}

asio::awaitable<Result<void>> GuardClient::hand_over(GuestName guest, RunId run) {
    co_return co_await plain_call(request("hand-over", guest, run));
}

asio::awaitable<Result<void>> GuardClient::keep(GuestName guest, RunId run) {
    co_return co_await plain_call(request("keep", guest, run));
}

asio::awaitable<Result<CancelOutcome>> GuardClient::cancel(GuestName guest, RunId run) {
    const auto reply = co_await call(request("cancel", guest, run));
    if (!reply) co_return std::unexpected(reply.error());
    co_return json::text(*reply, "outcome").and_then(gate::parse_cancel_outcome);
}

asio::awaitable<Result<void>> GuardClient::revoke(GuestName guest, RunId run, bool kill) {
    auto message = request("revoke", guest, run);
    message["kill"] = kill;
    co_return co_await plain_call(std::move(message));
}

asio::awaitable<Result<void>> GuardClient::renew(BootTime begun) {
    co_return co_await plain_call({{"op", "renew"}, {"begun_ms", begun.time_since_epoch().count()}});
}

asio::awaitable<Result<void>> GuardClient::describe(SlotFacts facts) {
    json::Object message{
        {"op", "describe"}, {"incarnation", std::to_underlying(facts.incarnation)}, {"engine_ok", facts.engine_ok}};
    if (facts.alone) message["alone"] = *facts.alone;
    co_return co_await plain_call(std::move(message));
}

asio::awaitable<Result<void>> GuardClient::expel() {
    co_return co_await plain_call({{"op", "expel"}});
}

}  // namespace ssi::cluster
