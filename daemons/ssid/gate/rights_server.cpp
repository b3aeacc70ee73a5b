#include "daemons/ssid/gate/rights_server.hpp"

#include <boost/json/array.hpp>
#include <format>

#include "daemons/ssid/gate/pdr_pass_json.hpp"
#include "daemons/ssid/gate/rights_client.hpp"
#include "daemons/ssid/gate/spawn.hpp"
#include "lib/common/log.hpp"

namespace ssi::gate {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kClientLimit = 16;
constexpr std::size_t kRequestLimit = 256;  ///< In work per client.

json::Object hello(const RightTable& table) {
    boost::json::array rights;
    for (const auto& entry : table.rights())
        rights.emplace_back(json::Object{{"guest", entry.right.guest.str()},
                                         {"uuid", entry.right.uuid.str()},
                                         {"run", entry.right.run.str()},
                                         {"kind", to_text(entry.right.kind)},
                                         {"state", to_text(entry.right.state)},
                                         {"pid", entry.qemu ? entry.qemu->pid : 0}});
    return {{"open", table.open()}, {"rights", std::move(rights)}};
}

/// An answer with nothing but its success.
Result<json::Object> plain(const Result<void>& result) {
    if (!result) return std::unexpected(result.error());
    return json::Object{};
}

struct Subject {
    GuestName guest;
    RunId run;
};

Result<Subject> subject_of(const json::Object& request) {
    const auto guest = json::text(request, "guest").and_then(GuestName::parse);
    if (!guest) return std::unexpected(guest.error());
    const auto run = json::text(request, "run").and_then(parse_run);
    if (!run) return std::unexpected(run.error());
    return Subject{*guest, *run};
}

Result<json::Object> grant(Guard& guard, const Subject& subject, const json::Object& request) {
    const auto uuid = json::text(request, "uuid").and_then(GuestUuid::parse);
    if (!uuid) return std::unexpected(uuid.error());
    const auto kind = json::text(request, "kind").and_then(parse_right_kind);
    if (!kind) return std::unexpected(kind.error());
    const auto lifetime = json::number(request, "lifetime_ms");
    if (!lifetime) return std::unexpected(lifetime.error());
    constexpr std::int64_t kLongest = 24 * 3600 * 1000;
    if (*lifetime <= 0 || *lifetime > kLongest)
        return failure(ErrorCode::kProtocolViolated, std::format("a right cannot live {} ms", *lifetime));
    return plain(guard.grant(subject.guest, *uuid, subject.run, *kind, std::chrono::milliseconds(*lifetime)));
}

}  // namespace

RightsServer::RightsServer(Guard& guard, UnixAcceptor acceptor) : guard_(guard), listener_(std::move(acceptor)) {
    guard_.on_event = [this](const GuardEvent& event) {
        json::Object message{
            {"v", 1}, {"event", to_text(event.kind)}, {"guest", event.guest.str()}, {"run", event.run.str()}};
        const auto table = guard_.table();
        const auto* entry = table ? (*table)->find(event.run) : nullptr;
        if (event.kind == GuardEvent::Kind::kRegistered && entry != nullptr && entry->qemu) {
            message["uuid"] = entry->right.uuid.str();
            message["pid"] = entry->qemu->pid;
        }
        for (const auto& client : clients_) client->send(message);
    };
}

asio::awaitable<void> RightsServer::run() {
    return listener_.run(
        [this](UnixSocket socket, Peer) { return serve(std::make_shared<RightsClient>(std::move(socket))); },
        kClientLimit);
}

asio::awaitable<void> RightsServer::serve(std::shared_ptr<RightsClient> client) {
    clients_.push_back(client);
    while (auto line = co_await client->read_line()) {
        if (++client->in_work > kRequestLimit) break;
        // By itself: a kill takes its time, and the requests behind it must not wait for it.
        spawn(listener_.executor(), answer(client, std::move(*line)));
    }
    client->close();
    clients_.remove(client);
    if (describer_.lock() != client) co_return;
    describer_.reset();
    if (on_described) on_described(std::nullopt);
}

asio::awaitable<void> RightsServer::answer(std::shared_ptr<RightsClient> client, std::string line) {
    const auto request = json::parse(line, "a client of the guard's socket");
    Result<json::Object> outcome = std::unexpected(Error{});
    if (request)
        outcome = co_await perform(client, *request);
    else
        outcome = std::unexpected(request.error());

    json::Object reply = outcome ? std::move(*outcome) : json::Object{{"error", json::from_error(outcome.error())}};
    reply["v"] = 1;
    reply["id"] = request ? json::number_or(*request, "id", 0) : 0;
    reply["ok"] = outcome.has_value();
    --client->in_work;
    client->send(reply);
}

void RightsServer::tell(const cluster::PdrPass& pass) {
    if (clients_.empty()) return;
    const auto message = to_json(pass);
    for (const auto& client : clients_) client->send(message);
}

Result<json::Object> RightsServer::describe(const std::shared_ptr<RightsClient>& client, const json::Object& request) {
    const auto incarnation = json::unsigned_number(request, "incarnation");
    const auto engine_ok = json::boolean(request, "engine_ok");
    if (!incarnation) return std::unexpected(incarnation.error());
    if (!engine_ok) return std::unexpected(engine_ok.error());
    describer_ = client;
    cluster::SlotFacts facts{Incarnation{*incarnation}, *engine_ok};
    if (request.contains("alone")) facts.alone = json::boolean_or(request, "alone", false);
    if (on_described) on_described(facts);
    return json::Object{};
}

Result<json::Object> RightsServer::renew(const json::Object& request) {
    const auto begun = json::number(request, "begun_ms");
    if (!begun) return std::unexpected(begun.error());
    if (on_renewed) on_renewed(BootTime(std::chrono::milliseconds(*begun)));
    return json::Object{};
}

asio::awaitable<Result<json::Object>> RightsServer::perform(std::shared_ptr<RightsClient> client,
                                                            json::Object request) {
    const auto operation = json::text_or(request, "op", "");
    // The client has given up by then, and nothing may happen behind its back.
    const auto deadline = json::number_or(request, "deadline_ms", 0);
    if (deadline != 0 && guard_.now().time_since_epoch().count() > deadline)
        co_return failure(ErrorCode::kTimedOut, std::format("the request '{}' came too late", operation));
    if (json::number_or(request, "v", 0) != 1)
        co_return failure(ErrorCode::kProtocolViolated, "the request is not of version 1");

    if (operation == "hello") co_return guard_.table().transform([](const RightTable* table) { return hello(*table); });
    if (operation == "expel") co_return plain(co_await guard_.expel());

    if (operation == "describe") co_return describe(client, request);
    if (operation == "renew") co_return renew(request);

    const auto subject = subject_of(request);
    if (!subject) co_return std::unexpected(subject.error());
    if (operation == "grant") co_return grant(guard_, *subject, request);
    if (operation == "hand-over") co_return plain(guard_.hand_over(subject->guest, subject->run));
    if (operation == "keep") co_return plain(guard_.keep(subject->guest, subject->run));
    if (operation == "cancel") {
        const auto outcome = co_await guard_.cancel(subject->guest, subject->run);
        if (!outcome) co_return std::unexpected(outcome.error());
        co_return json::Object{{"outcome", to_text(*outcome)}};
    }
    if (operation == "revoke") {
        const auto kill = json::boolean(request, "kill");
        if (!kill) co_return std::unexpected(kill.error());
        co_return plain(co_await guard_.revoke(subject->guest, subject->run, *kill));
    }
    co_return failure(ErrorCode::kProtocolViolated, std::format("the guard knows no operation '{}'", operation));
}

}  // namespace ssi::gate
