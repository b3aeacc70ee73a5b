#include "daemons/ssid/api/engine_administration.hpp"

#include <algorithm>
#include <chrono>
#include <format>
#include <utility>

#include "daemons/ssid/api/documents.hpp"
#include "daemons/ssid/engine/compaction.hpp"
#include "daemons/ssid/engine/engine_backup.hpp"
#include "daemons/ssid/engine/etcd_room.hpp"
#include "daemons/ssid/engine/log_service.hpp"
#include "daemons/ssid/engine/voter_status.hpp"
#include "daemons/ssid/engine/witness_files.hpp"
#include "daemons/ssid/engine/witness_log.hpp"
#include "lib/common/json_message.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using boost::json::array;
using boost::json::value;

constexpr auto kAsk = 1s;
constexpr auto kCopySilence = 30s;
constexpr auto kDefragments = 120s;

/// Of all voters' databases the one with the least room counts.
std::int64_t quota_of(const std::vector<Seat>& seats) {
    const bool has_witness = std::ranges::contains(seats, VoterKind::kWitness, &Seat::kind);
    return has_witness ? kWitnessQuotaBytes : kDatabaseQuotaBytes;
}

std::string_view text_of(VoterKind kind) {
    switch (kind) {
        case VoterKind::kMember:
            return "member";
        case VoterKind::kWitness:
            return "witness";
        case VoterKind::kForeign:
            break;
    }
    return "foreign";
}

std::string_view text_of(OwnSeat seat) {
    switch (seat) {
        case OwnSeat::kVoter:
            return "voter";
        case OwnSeat::kLearner:
            return "learner";
        case OwnSeat::kLost:
            return "lost";
        case OwnSeat::kNone:
            break;
    }
    return "none";
}

json::Object seat_entry(const Seat& seat, const Result<gateway::ServerStatus>& status) {
    json::Object entry{{"id", std::format("{:x}", seat.id)},
                       {"name", name_of(seat)},
                       {"kind", text_of(seat.kind)},
                       {"role", seat.is_learner ? "learner" : "voter"},
                       {"started", seat.is_started},
                       {"leads", status && status->leader == seat.id},
                       {"version", status ? status->version : ""},
                       {"term", status ? status->term : 0},
                       {"revision", status ? std::to_underlying(status->revision) : 0},
                       {"database_bytes", status ? status->database_bytes : 0},
                       {"database_used_bytes", status ? status->database_used_bytes : 0},
                       {"fault", status ? "" : status.error().what}};
    return entry;
}

/// While it lives, nobody else directs etcd.
struct Paused {
    VoterKeeper& keeper;
    ~Paused() { keeper.resume(); }
};

}  // namespace

EngineAdministration::EngineAdministration(const SystemConfig& config, MemberName own, EtcdEngine& engine,
                                           EtcdDirector& director, VoterKeeper& voters, EngineHealth& health,
                                           boost::asio::any_io_executor executor, EngineFiles files)
    : config_(config),
      own_(std::move(own)),
      engine_(engine),
      director_(director),
      voters_(voters),
      health_(health),
      executor_(std::move(executor)),
      files_(std::move(files)) {}

std::filesystem::path EngineAdministration::socket_of(const Seat& seat) const {
    if (seat.kind == VoterKind::kWitness) return WitnessPlaces{}.etcd / kWitnessClient;
    return client_socket(own_, seat.member);
}

EngineAdministration::Answer EngineAdministration::status() {
    const auto list = co_await engine_.voters();
    const auto seats = list ? seats_of(*list, config_) : voters_.seats();
    array voters;
    for (const auto& seat : seats) {
        Result<gateway::ServerStatus> status = failure(ErrorCode::kNoMajority, "not asked");
        if (seat.kind != VoterKind::kForeign) status = co_await ask_voter(executor_, socket_of(seat), kAsk);
        voters.push_back(seat_entry(seat, status));
    }
    array alarms;
    for (const auto& alarm : health_.alarms())
        alarms.push_back(json::Object{{"id", std::format("{:x}", alarm.id)}, {"kind", alarm.kind}});
    value ended = nullptr;
    if (const auto& end = health_.last_end())
        ended = json::Object{{"why", text_of(end->why)}, {"what", end->what}, {"remedy", end->remedy}};
    const auto lineage = director_.lineage();
    // Reading it takes a while; it matters when the members are to be compared.
    const auto log = list ? Result<LogReport>(LogReport{}) : director_.log_report();
    co_return text(
        json::Object{{"v", 1},
                     {"member", own_.str()},
                     {"serves", list.has_value()},
                     {"reason", list ? "" : list.error().what},
                     {"seat", text_of(voters_.own_seat())},
                     {"lineage", lineage.value_or(0)},
                     {"log", log && log->voter_id != 0
                                 ? value(json::Object{{"last_term", log->last_term}, {"last_index", log->last_index}})
                                 : value(nullptr)},
                     {"quota_bytes", quota_of(voters_.seats())},
                     {"reserve", health_.has_reserve()},
                     {"fault", health_.fault()},
                     {"trouble", voters_.trouble() ? value(json::from_error(*voters_.trouble())) : value(nullptr)},
                     {"ended", std::move(ended)},
                     {"alarms", std::move(alarms)},
                     {"voters", std::move(voters)}});
}

EngineAdministration::Answer EngineAdministration::backup() {
    std::string reasons;
    for (const auto& member : config_.members) {
        // The own etcd first: what it is behind the others by is some milliseconds.
        const auto& name = &member == &config_.members.front() ? own_
                           : member.name == own_               ? config_.members.front().name
                                                               : member.name;
        const auto asked = co_await ask_voter(executor_, client_socket(own_, name), kAsk);
        if (!asked || asked->leader == 0) continue;
        const auto bytes = co_await back_up(executor_, client_socket(own_, name), files_.backup, kCopySilence);
        if (bytes)
            co_return text(
                json::Object{{"v", 1}, {"file", files_.backup.native()}, {"bytes", *bytes}, {"from", name.str()}});
        reasons = bytes.error().what;
    }
    co_return failure(ErrorCode::kNoMajority,
                      reasons.empty() ? "no voter of the engine serves, so none can be copied" : reasons, "etcd",
                      "see: ssictl engine status");
}

EngineRecovery EngineAdministration::recovery() {
    return {executor_, engine_, director_, client_socket(own_, own_)};
}

EngineAdministration::Answer EngineAdministration::force() {
    co_await voters_.pause();
    const Paused paused{voters_};
    // SAFETY 20: of all that can be reached, the witness's included.
    FindWitnessLog find = [this] { return witness_log(director_.lineage().value_or(0)); };
    auto told = co_await reachable_logs(executor_, config_, own_);
    auto logs = co_await comparable_logs(std::move(told), voters_.seats(), std::move(find));
    if (!logs) co_return std::unexpected(logs.error());
    const auto lineage = co_await recovery().force(*std::move(logs));
    if (!lineage) co_return std::unexpected(lineage.error());
    co_return text(json::Object{{"v", 1}, {"member", own_.str()}, {"lineage", *lineage}, {"done", "forced"}});
}

EngineAdministration::Answer EngineAdministration::restore() {
    co_await voters_.pause();
    const Paused paused{voters_};
    const auto lineage = co_await recovery().restore(files_.restore);
    if (!lineage) co_return std::unexpected(lineage.error());
    co_return text(json::Object{{"v", 1}, {"member", own_.str()}, {"lineage", *lineage}, {"done", "restored"}});
}

awaitable<Result<void>> EngineAdministration::defragment_all() {
    const auto list = co_await engine_.voters();
    if (!list) co_return std::unexpected(list.error());
    const auto seats = seats_of(*list, config_);
    if (std::ranges::any_of(seats, &Seat::is_learner))
        co_return failure(ErrorCode::kConflict, "a voter is joining: nothing is defragmented meanwhile", "etcd",
                          "wait until ssictl engine status shows no learner");
    for (const auto& seat : seats) {
        if (seat.kind == VoterKind::kForeign) continue;
        if (auto done = co_await defragment(executor_, socket_of(seat), kDefragments); !done) co_return done;
        log::notice(std::format("the engine's database of {} is defragmented", name_of(seat)),
                    {{"SSI_MEMBER", name_of(seat)}});
    }
    co_return Result<void>{};
}

EngineAdministration::Answer EngineAdministration::compact() {
    if (auto done = co_await compact_at_mark(engine_); !done) co_return std::unexpected(done.error());
    if (auto done = co_await defragment_all(); !done) co_return std::unexpected(done.error());
    const auto alarms = co_await engine_.alarms();
    if (!alarms) co_return std::unexpected(alarms.error());
    for (const auto& alarm : *alarms)
        if (alarm.kind == "NOSPACE")
            if (auto done = co_await engine_.disarm(alarm); !done) co_return std::unexpected(done.error());
    // Now that it takes writes again the mark can move on, and what lies behind it goes too.
    if (auto done = co_await compact_behind(engine_, 0); !done) co_return std::unexpected(done.error());
    co_await health_.look_at_alarms();
    const auto status = co_await engine_.status();
    if (!status) co_return std::unexpected(status.error());
    co_return text(json::Object{{"v", 1},
                                {"database_bytes", status->database_bytes},
                                {"database_used_bytes", status->database_used_bytes},
                                {"quota_bytes", quota_of(voters_.seats())}});
}

}  // namespace ssi::cluster
