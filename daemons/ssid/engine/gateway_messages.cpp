#include "daemons/ssid/engine/gateway_messages.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <format>
#include <utility>

namespace ssi::cluster::gateway {
namespace {

namespace json = boost::json;

std::unexpected<Error> not_understood(std::string_view why) {
    return failure(ErrorCode::kEngineFailed, std::format("etcd's answer cannot be understood: {}", why), "etcd",
                   "check that the version of etcd on all members is 3.5");
}

Result<json::object> parse_object(std::string_view body) {
    boost::system::error_code error;
    auto value = json::parse(body, error);
    if (error) return not_understood(error.message());
    if (!value.is_object()) return not_understood("it is no JSON object");
    return std::move(value.as_object());
}

/// A field that is left out when it has its default value; `Number` is a 64-bit one.
template <class Number>
Result<Number> number(const json::object& object, std::string_view field) {
    const auto* value = object.if_contains(field);
    if (value == nullptr) return Number{0};
    if (value->is_string()) {
        const std::string_view digits = value->get_string();
        Number result{};
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), result);
        if (error == std::errc{} && end == digits.data() + digits.size()) return result;
    } else if (value->is_number()) {
        boost::system::error_code error;
        const auto result = value->to_number<Number>(error);
        if (!error) return result;
    }
    return not_understood(std::format("field '{}' is no whole number", field));
}

Result<std::string> bytes(const json::object& object, std::string_view field) {
    const auto* value = object.if_contains(field);
    if (value == nullptr) return std::string{};
    if (!value->is_string()) return not_understood(std::format("field '{}' is no text", field));
    return from_base64(value->get_string());
}

bool is_true(const json::object& object, std::string_view field) {
    const auto* value = object.if_contains(field);
    return value != nullptr && value->is_bool() && value->get_bool();
}

std::string text(const json::object& object, std::string_view field) {
    const auto* value = object.if_contains(field);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string{};
}

std::vector<std::string> texts(const json::object& object, std::string_view field) {
    std::vector<std::string> result;
    if (const auto* value = object.if_contains(field); value != nullptr && value->is_array())
        for (const auto& item : value->get_array())
            if (item.is_string()) result.emplace_back(item.get_string());
    return result;
}

/// The objects of an array; the field may be left out.
Result<std::vector<const json::object*>> objects(const json::object& object, std::string_view field) {
    std::vector<const json::object*> result;
    const auto* value = object.if_contains(field);
    if (value == nullptr) return result;
    if (!value->is_array()) return not_understood(std::format("field '{}' is no array", field));
    for (const auto& item : value->get_array()) {
        if (!item.is_object()) return not_understood(std::format("field '{}' holds what is no object", field));
        result.push_back(&item.get_object());
    }
    return result;
}

/// Every answer about the store carries its revision, which is at least 1: without it the text is from somebody else,
/// and left-out fields must not be taken for defaults.
Result<Revision> header_revision(const json::object& reply) {
    const auto* header = reply.if_contains("header");
    if (header == nullptr || !header->is_object()) return not_understood("it has no header");
    const auto revision = number<std::int64_t>(header->get_object(), "revision");
    if (!revision) return std::unexpected(revision.error());
    if (*revision < 1) return not_understood("its header has no revision");
    return Revision{*revision};
}

std::string number_text(Revision revision) {
    return std::to_string(std::to_underlying(revision));
}

/// The first key after all that begin with the prefix; "\0" is etcd's word for "to the end".
std::string end_of_prefix(std::string_view prefix) {
    std::string end(prefix);
    while (!end.empty() && end.back() == '\xff') end.pop_back();
    if (end.empty()) return std::string(1, '\0');
    end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
    return end;
}

json::object prefix_range(std::string_view prefix) {
    const std::string first = prefix.empty() ? std::string(1, '\0') : std::string(prefix);
    return {{"key", to_base64(first)}, {"range_end", to_base64(end_of_prefix(prefix))}};
}

Result<Change> read_event(const json::object& event) {
    const auto* entry = event.if_contains("kv");
    if (entry == nullptr || !entry->is_object()) return not_understood("an event has no key");
    auto key = bytes(entry->get_object(), "key");
    if (!key) return std::unexpected(key.error());
    const auto modified = number<std::int64_t>(entry->get_object(), "mod_revision");
    if (!modified) return std::unexpected(modified.error());
    Change change{std::move(*key), std::nullopt, Revision{*modified}};
    if (text(event, "type") == "DELETE") return change;
    auto value = bytes(entry->get_object(), "value");
    if (!value) return std::unexpected(value.error());
    change.value = std::move(*value);
    return change;
}

/// grpc status codes that etcd uses for what it found wrong with the request before it did anything.
constexpr std::int64_t kInvalidArgument = 3;
constexpr std::int64_t kNotFound = 5;
constexpr std::int64_t kOutOfRange = 11;
constexpr std::int64_t kUnimplemented = 12;

/// Said before a request is proposed to the others, and only then (v3.5: etcdserver/api/v3rpc/interceptor.go and
/// etcdserver/v3_server.go). All other errors, "database space exceeded" among them, are also given for transactions
/// that happened: the one that crosses the quota is applied first (etcdserver/apply.go, quotaApplierV3).
constexpr std::array<std::string_view, 3> kSaidBeforeProposal = {
    "etcdserver: no leader", "etcdserver: too many requests", "etcdserver: rpc not supported for learner"};

/// A change of the voters that etcd holds unwise now (v3.5: mayAddMember, mayRemoveMember, mayPromoteMember in
/// etcdserver/server.go) or finds done already; said before it is proposed, or by all alike when it is applied.
constexpr std::array<std::string_view, 7> kVotersUnchanged = {
    "etcdserver: unhealthy cluster",
    "etcdserver: re-configuration failed due to not enough started members",
    "etcdserver: can only promote a learner member which is in sync with leader",
    "etcdserver: can only promote a learner member",
    "etcdserver: too many learner members in cluster",
    "etcdserver: Peer URLs already exists",
    "etcdserver: member ID already exist"};

}  // namespace

std::string to_base64(std::string_view bytes) {
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');  // and the zero byte that OpenSSL appends
    const int size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

Result<std::string> from_base64(std::string_view text) {
    if (text.empty()) return std::string{};
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    std::string bytes(3 * (text.size() / 4) + 3, '\0');
    const int size =
        EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    if (size < 0 || text.size() % 4 != 0) return not_understood("a key or value is no base64");
    bytes.resize(static_cast<std::size_t>(size) - padding);  // OpenSSL counts the padding as zero bytes
    return bytes;
}

std::string transaction_body(const Transaction& transaction) {
    json::array compare;
    for (const auto& condition : transaction.conditions)
        compare.push_back(json::object{{"key", to_base64(condition.key)},
                                       {"target", "MOD"},
                                       {"result", "EQUAL"},
                                       {"mod_revision", number_text(condition.modified)}});
    json::array success;
    for (const auto& write : transaction.writes) {
        if (write.value)
            success.push_back(json::object{
                {"requestPut", json::object{{"key", to_base64(write.key)}, {"value", to_base64(*write.value)}}}});
        else
            success.push_back(json::object{{"requestDeleteRange", json::object{{"key", to_base64(write.key)}}}});
    }
    return json::serialize(json::object{{"compare", std::move(compare)}, {"success", std::move(success)}});
}

std::string range_body(std::string_view prefix) {
    return json::serialize(prefix_range(prefix));
}

std::string watch_body(std::string_view prefix, Revision after) {
    auto request = prefix_range(prefix);
    request["start_revision"] = number_text(Revision{std::to_underlying(after) + 1});
    request["progress_notify"] = true;  // else a dead endpoint looks like a quiet cluster
    return json::serialize(json::object{{"create_request", std::move(request)}});
}

std::string compaction_body(Revision revision) {
    return json::serialize(json::object{{"revision", number_text(revision)}});
}

std::string add_learner_body(std::string_view peer_url) {
    return json::serialize(json::object{{"peerURLs", {peer_url}}, {"isLearner", true}});
}

std::string voter_body(std::uint64_t id) {
    return json::serialize(json::object{{"ID", std::to_string(id)}});
}

Result<CommitResult> read_commit(std::string_view body) {
    const auto reply = parse_object(body);
    if (!reply) return std::unexpected(reply.error());
    const auto revision = header_revision(*reply);
    if (!revision) return std::unexpected(revision.error());
    return CommitResult{is_true(*reply, "succeeded"), *revision};
}

Result<Snapshot> read_range(std::string_view body) {
    const auto reply = parse_object(body);
    if (!reply) return std::unexpected(reply.error());
    const auto revision = header_revision(*reply);
    if (!revision) return std::unexpected(revision.error());
    if (is_true(*reply, "more")) return not_understood("it is cut short, though no limit was asked for");
    const auto entries = objects(*reply, "kvs");
    if (!entries) return std::unexpected(entries.error());
    Snapshot snapshot{{}, *revision};
    snapshot.entries.reserve(entries->size());
    for (const auto* entry : *entries) {
        auto key = bytes(*entry, "key");
        auto value = bytes(*entry, "value");
        const auto modified = number<std::int64_t>(*entry, "mod_revision");
        if (!key) return std::unexpected(key.error());
        if (!value) return std::unexpected(value.error());
        if (!modified) return std::unexpected(modified.error());
        snapshot.entries.push_back({std::move(*key), std::move(*value), Revision{*modified}});
    }
    return snapshot;
}

Result<ServerStatus> read_status(std::string_view body) {
    const auto reply = parse_object(body);
    if (!reply) return std::unexpected(reply.error());
    const auto* header = reply->if_contains("header");
    if (header == nullptr || !header->is_object()) return not_understood("it has no header");
    const auto id = number<std::uint64_t>(header->get_object(), "member_id");
    const auto revision = number<std::int64_t>(header->get_object(), "revision");
    const auto leader = number<std::uint64_t>(*reply, "leader");
    const auto term = number<std::uint64_t>(*reply, "raftTerm");
    const auto size = number<std::int64_t>(*reply, "dbSize");
    const auto used = number<std::int64_t>(*reply, "dbSizeInUse");
    if (!id) return std::unexpected(id.error());
    if (!revision) return std::unexpected(revision.error());
    if (!leader) return std::unexpected(leader.error());
    if (!term) return std::unexpected(term.error());
    if (!size) return std::unexpected(size.error());
    if (!used) return std::unexpected(used.error());
    return ServerStatus{
        text(*reply, "version"), *id, *leader, *term, is_true(*reply, "isLearner"), Revision{*revision}, *size, *used,
        texts(*reply, "errors")};
}

Result<std::vector<Voter>> read_voters(std::string_view body) {
    const auto reply = parse_object(body);
    if (!reply) return std::unexpected(reply.error());
    const auto members = objects(*reply, "members");
    if (!members) return std::unexpected(members.error());
    std::vector<Voter> voters;
    for (const auto* member : *members) {
        const auto id = number<std::uint64_t>(*member, "ID");
        if (!id) return std::unexpected(id.error());
        voters.push_back({*id, text(*member, "name"), texts(*member, "peerURLs"), texts(*member, "clientURLs"),
                          is_true(*member, "isLearner")});
    }
    if (voters.empty()) return not_understood("it lists no voters");
    return voters;
}

Result<SnapshotLine> read_snapshot_line(std::string_view line) {
    const auto message = parse_object(line);
    if (!message) return std::unexpected(message.error());
    const auto* result = message->if_contains("result");
    if (result == nullptr || !result->is_object()) return not_understood("a part of the copy is none");
    auto part = bytes(result->get_object(), "blob");
    const auto remaining = number<std::uint64_t>(result->get_object(), "remaining_bytes");
    if (!part) return std::unexpected(part.error());
    if (!remaining) return std::unexpected(remaining.error());
    return SnapshotLine{std::move(*part), *remaining};
}

std::string disarm_body(const Alarm& alarm) {
    return json::serialize(
        json::object{{"action", "DEACTIVATE"}, {"memberID", std::to_string(alarm.id)}, {"alarm", alarm.kind}});
}

std::string leadership_body(std::uint64_t voter) {
    return json::serialize(json::object{{"targetID", std::to_string(voter)}});
}

Result<std::vector<Alarm>> read_alarms(std::string_view body) {
    const auto reply = parse_object(body);
    if (!reply) return std::unexpected(reply.error());
    const auto entries = objects(*reply, "alarms");
    if (!entries) return std::unexpected(entries.error());
    std::vector<Alarm> alarms;
    for (const auto* entry : *entries) {
        const auto id = number<std::uint64_t>(*entry, "memberID");
        if (!id) return std::unexpected(id.error());
        alarms.push_back({*id, text(*entry, "alarm")});
    }
    return alarms;
}

Result<WatchLine> read_watch_line(std::string_view line) {
    const auto message = parse_object(line);
    if (!message) return std::unexpected(message.error());
    const auto* wrapped = message->if_contains("result");
    if (wrapped == nullptr || !wrapped->is_object()) {
        // {"error":{"code","message"}} in the stream, or a bare {"code","message"} in its place.
        const auto* error = message->if_contains("error");
        const auto why = text(error != nullptr && error->is_object() ? error->get_object() : *message, "message");
        if (why.empty()) return not_understood("a watch line is neither a result nor an error");
        return WatchLine{{}, {}, why};
    }
    const auto& result = wrapped->get_object();
    WatchLine read;
    const auto compacted = number<std::int64_t>(result, "compact_revision");
    if (!compacted) return std::unexpected(compacted.error());
    if (*compacted > 0) read.compacted = Revision{*compacted};
    if (is_true(result, "canceled") || read.compacted) {
        const auto reason = text(result, "cancel_reason");
        read.ended = reason.empty() ? "the watch was cancelled" : reason;
    }
    const auto events = objects(result, "events");
    if (!events) return std::unexpected(events.error());
    for (const auto* event : *events) {
        auto change = read_event(*event);
        if (!change) return std::unexpected(change.error());
        read.changes.push_back(std::move(*change));
    }
    return read;
}

Refusal read_refusal(unsigned http_status, std::string_view body) {
    const auto reply = parse_object(body);
    const auto message = reply ? text(*reply, "message") : std::string{};
    const auto code = reply ? number<std::int64_t>(*reply, "code") : Result<std::int64_t>{0};
    if (message.empty() || !code) return {Verdict::kUnknown, std::format("HTTP status {}", http_status)};
    if (std::ranges::find(kSaidBeforeProposal, message) != kSaidBeforeProposal.end())
        return {Verdict::kNotNow, message};
    if (std::ranges::contains(kVotersUnchanged, message)) return {Verdict::kRefused, message};
    if (*code == kInvalidArgument || *code == kNotFound || *code == kOutOfRange || *code == kUnimplemented)
        return {Verdict::kRefused, message};
    return {Verdict::kUnknown, message};
}

}  // namespace ssi::cluster::gateway
