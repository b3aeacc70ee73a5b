#include "daemons/ssid/state/records.hpp"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <format>
#include <span>
#include <utility>

#include "lib/common/json_message.hpp"

namespace ssi::cluster {
namespace {

constexpr std::array<std::pair<Phase, std::string_view>, 4> kPhases{{{Phase::kStarting, "Starting"},
                                                                     {Phase::kRunning, "Running"},
                                                                     {Phase::kRelocating, "Relocating"},
                                                                     {Phase::kPending, "Pending"}}};
constexpr std::array<std::pair<MemberState, std::string_view>, 7> kStates{{{MemberState::kDown, "Down"},
                                                                           {MemberState::kJoining, "Joining"},
                                                                           {MemberState::kJoined, "Joined"},
                                                                           {MemberState::kLeaving, "Leaving"},
                                                                           {MemberState::kIsolated, "Isolated"},
                                                                           {MemberState::kSuspended, "Suspended"},
                                                                           {MemberState::kUnknown, "Unknown"}}};
constexpr std::array<std::pair<Transition::Kind, std::string_view>, 2> kTransitions{
    {{Transition::Kind::kJoin, "join"}, {Transition::Kind::kLeave, "leave"}}};

template <class Table, class Value>
std::string_view name_in(const Table& table, Value value) {
    return std::ranges::find(table, value, &Table::value_type::first)->second;
}

std::string text(const json::Object& object) {
    return boost::json::serialize(object);
}

/// libvirt passes on what a QEMU wrote before it died, cut anywhere. Bytes that JSON cannot hold would make the record,
/// and with it the whole state, unreadable for every member.
std::string fit_for_json(std::string_view bytes) {
    constexpr std::size_t kLongest = 2000;
    std::string line(bytes.substr(0, kLongest));
    boost::system::error_code error;
    boost::json::parse(boost::json::serialize(boost::json::string(line)), error);
    if (error) std::ranges::replace_if(line, [](unsigned char byte) { return byte > 0x7e; }, '?');
    return line;
}

/// Reads the fields of one record; the first fault is kept, so that a record is read top to bottom and checked once.
class Reader {
  public:
    explicit Reader(Result<json::Object> object) {
        if (!object) {
            fault_ = object.error();
        } else {
            object_ = *std::move(object);
            if (number("v") != 1 && !fault_)
                fault_ =
                    Error{ErrorCode::kProtocolViolated, "record of an unknown version", "v", "upgrade this member"};
        }
    }
    std::string text(std::string_view field) { return keep(json::text(object_, field)); }
    std::uint64_t number(std::string_view field) { return keep(json::unsigned_number(object_, field)); }
    bool boolean_or(std::string_view field, bool otherwise) { return json::boolean_or(object_, field, otherwise); }
    std::string text_or(std::string_view field) { return json::text_or(object_, field, ""); }
    std::int64_t number_or(std::string_view field) { return json::number_or(object_, field, 0); }
    Incarnation incarnation(std::string_view field) { return Incarnation{number(field)}; }
    template <class Name>
    Name name(std::string_view field) {
        return keep(Name::parse(text(field)));
    }
    template <class Name>
    std::vector<Name> names(std::string_view field) {
        std::vector<Name> found;
        const auto* list = object_.if_contains(field);
        if (list == nullptr || !list->is_array()) return found;
        for (const auto& entry : list->get_array())
            found.push_back(keep(Name::parse(entry.is_string() ? std::string(entry.get_string()) : std::string())));
        return found;
    }
    template <class Table>
    auto one_of(const Table& table, std::string_view field) {
        const auto word = text(field);
        const auto found = std::ranges::find(table, word, &Table::value_type::second);
        if (found == table.end()) {
            keep(Result<int>(failure(ErrorCode::kProtocolViolated, std::format("'{}' is no {}", word, field), word)));
            return table.front().first;
        }
        return found->first;
    }
    std::optional<Reader> part(std::string_view field) {
        const auto* value = object_.if_contains(field);
        if (value == nullptr || !value->is_object()) return std::nullopt;
        Reader reader;
        reader.object_ = value->get_object();
        return reader;
    }
    template <class Record>
    Result<Record> finish(Record record) {
        if (fault_) return std::unexpected(*fault_);
        return record;
    }
    void take_fault(const Reader& other) {
        if (!fault_) fault_ = other.fault_;
    }

  private:
    Reader() = default;
    template <class T>
    T keep(Result<T> result) {
        if (result) return *std::move(result);
        if (!fault_) fault_ = result.error();
        return T{};
    }
    json::Object object_;
    std::optional<Error> fault_;
};

std::string key(std::string_view kind, const std::string& name) {
    return std::format("{}{}/{}", kKeyPrefix, kind, name);
}

}  // namespace

std::string_view text_of(Phase phase) {
    return name_in(kPhases, phase);
}
std::string_view text_of(MemberState state) {
    return name_in(kStates, state);
}

std::string encode(const MemberRecord& record) {
    return text({{"v", 1},
                 {"state", text_of(record.state)},
                 {"incarnation", std::to_underlying(record.incarnation)},
                 {"reason", fit_for_json(record.reason)},
                 {"verdict", fit_for_json(record.verdict)},
                 {"declared_dead", std::to_underlying(record.declared_dead)}});
}

template <>
Result<MemberRecord> decode(std::string_view json) {
    Reader reader(json::parse(json, "members record"));
    MemberRecord record;
    record.state = reader.one_of(std::span(kStates).first<5>(), "state");
    record.incarnation = reader.incarnation("incarnation");
    record.reason = reader.text_or("reason");
    record.verdict = reader.text_or("verdict");
    record.declared_dead = Incarnation{static_cast<std::uint64_t>(reader.number_or("declared_dead"))};
    return reader.finish(std::move(record));
}

std::string encode(const AliveRecord& record) {
    return text({{"v", 1}, {"incarnation", std::to_underlying(record.incarnation)}, {"beat", record.beat}});
}

template <>
Result<AliveRecord> decode(std::string_view json) {
    Reader reader(json::parse(json, "alive record"));
    return reader.finish(AliveRecord{reader.incarnation("incarnation"), reader.number("beat")});
}

std::string encode(const Transition& record) {
    return text({{"v", 1},
                 {"kind", name_in(kTransitions, record.kind)},
                 {"member", record.member.str()},
                 {"incarnation", std::to_underlying(record.incarnation)}});
}

template <>
Result<Transition> decode(std::string_view json) {
    Reader reader(json::parse(json, "transition record"));
    Transition record;
    record.kind = reader.one_of(kTransitions, "kind");
    record.member = reader.name<MemberName>("member");
    record.incarnation = reader.incarnation("incarnation");
    return reader.finish(std::move(record));
}

std::string encode(const FenceRecord& record) {
    return text({{"v", 1},
                 {"incarnation", std::to_underlying(record.incarnation)},
                 {"by", record.by.str()},
                 {"alive_revision", std::to_underlying(record.alive)}});
}

template <>
Result<FenceRecord> decode(std::string_view json) {
    Reader reader(json::parse(json, "fences record"));
    FenceRecord record;
    record.incarnation = reader.incarnation("incarnation");
    record.by = reader.name<MemberName>("by");
    record.alive = Revision{static_cast<std::int64_t>(reader.number("alive_revision"))};
    return reader.finish(std::move(record));
}

std::string encode(const OperatorWord& record) {
    return text({{"v", 1},
                 {"at", record.at.str()},
                 {"who", fit_for_json(record.who)},
                 {"why", fit_for_json(record.why)},
                 {"since", record.since}});
}

template <>
Result<OperatorWord> decode(std::string_view json) {
    Reader reader(json::parse(json, "operator's word"));
    OperatorWord record;
    record.at = reader.name<MemberName>("at");
    record.who = reader.text_or("who");
    record.why = reader.text_or("why");
    record.since = reader.number_or("since");
    return reader.finish(std::move(record));
}

std::string encode(const DirectoryRecord& record) {
    return text({{"v", 1},
                 {"uuid", record.uuid.str()},
                 {"xml", record.xml},
                 {"restart", record.restart},
                 {"memory_mib", record.memory_mib}});
}

template <>
Result<DirectoryRecord> decode(std::string_view json) {
    Reader reader(json::parse(json, "directory record", 8 << 20));
    DirectoryRecord record;
    record.uuid = reader.name<GuestUuid>("uuid");
    record.xml = reader.text("xml");
    record.restart = reader.boolean_or("restart", true);
    record.memory_mib = reader.number_or("memory_mib");
    return reader.finish(std::move(record));
}

std::string encode(const GuestPolicy& record) {
    boost::json::array prefer;
    for (const auto& member : record.prefer) prefer.emplace_back(member.str());
    return text({{"v", 1},
                 {"restart", record.restart},
                 {"prefer", std::move(prefer)},
                 {"priority", record.priority},
                 {"limit", record.limit}});
}

template <>
Result<GuestPolicy> decode(std::string_view json) {
    Reader reader(json::parse(json, "policies record"));
    GuestPolicy record;
    record.restart = reader.boolean_or("restart", true);
    record.prefer = reader.names<MemberName>("prefer");
    record.priority = static_cast<int>(reader.number_or("priority"));
    record.limit = static_cast<int>(reader.number_or("limit"));
    return reader.finish(std::move(record));
}

std::string encode(const CapacityRecord& record) {
    return text({{"v", 1},
                 {"incarnation", std::to_underlying(record.incarnation)},
                 {"free_mib", record.free_mib},
                 {"guests_mib", record.guests_mib}});
}

template <>
Result<CapacityRecord> decode(std::string_view json) {
    Reader reader(json::parse(json, "capacity record"));
    return reader.finish(CapacityRecord{reader.incarnation("incarnation"), reader.number_or("free_mib"),
                                        reader.number_or("guests_mib")});
}

std::string encode(const Residency& record) {
    json::Object object{{"v", 1},
                        {"uuid", record.uuid.str()},
                        {"phase", text_of(record.phase)},
                        {"member", record.home.member.str()},
                        {"incarnation", std::to_underlying(record.home.incarnation)},
                        {"run", record.run.str()},
                        {"attempts", record.attempts},
                        {"restarts", record.restarts},
                        {"reason", fit_for_json(record.reason)}};
    if (record.relocation) {
        const auto& relocation = *record.relocation;
        object["relocation"] = json::Object{{"to", relocation.to.member.str()},
                                            {"incarnation", std::to_underlying(relocation.to.incarnation)},
                                            {"run", relocation.run.str()},
                                            {"abort_requested", relocation.abort_requested},
                                            {"source_ended", relocation.source_ended},
                                            {"source_lost", relocation.source_lost}};
    }
    return text(object);
}

template <>
Result<Residency> decode(std::string_view json) {
    Reader reader(json::parse(json, "residency record"));
    Residency record;
    record.uuid = reader.name<GuestUuid>("uuid");
    record.phase = reader.one_of(kPhases, "phase");
    record.home = {reader.name<MemberName>("member"), reader.incarnation("incarnation")};
    record.run = RunId(reader.text("run"));
    record.attempts = static_cast<int>(reader.number_or("attempts"));
    record.restarts = static_cast<int>(reader.number_or("restarts"));
    record.reason = reader.text_or("reason");
    if (auto part = reader.part("relocation")) {
        record.relocation = Relocation{{part->name<MemberName>("to"), part->incarnation("incarnation")},
                                       RunId(part->text("run")),
                                       part->boolean_or("abort_requested", false),
                                       part->boolean_or("source_ended", false),
                                       part->boolean_or("source_lost", false)};
        reader.take_fault(*part);
    }
    if (record.relocation.has_value() != (record.phase == Phase::kRelocating))
        return failure(ErrorCode::kProtocolViolated, "residency record: phase and relocation do not agree",
                       "relocation");
    return reader.finish(std::move(record));
}

std::string encode(const MoveRecord& record) {
    return text({{"v", 1},
                 {"from", record.from.str()},
                 {"to", record.to.str()},
                 {"run", record.run.str()},
                 {"outcome", record.outcome},
                 {"total_ms", record.total_ms},
                 {"down_ms", record.down_ms},
                 {"reason", fit_for_json(record.reason)}});
}

template <>
Result<MoveRecord> decode(std::string_view json) {
    Reader reader(json::parse(json, "moves record"));
    MoveRecord record;
    record.from = reader.name<MemberName>("from");
    record.to = reader.name<MemberName>("to");
    record.run = RunId(reader.text("run"));
    record.outcome = reader.text("outcome");
    record.total_ms = reader.number_or("total_ms");
    record.down_ms = reader.number_or("down_ms");
    record.reason = reader.text_or("reason");
    return reader.finish(std::move(record));
}

std::string encode(const LoneRecord& record) {
    return text(
        {{"v", 1}, {"member", record.life.member.str()}, {"incarnation", std::to_underlying(record.life.incarnation)}});
}

template <>
Result<LoneRecord> decode(std::string_view json) {
    Reader reader(json::parse(json, "lone record"));
    LoneRecord record;
    record.life.member = reader.name<MemberName>("member");
    record.life.incarnation = reader.incarnation("incarnation");
    return reader.finish(std::move(record));
}

std::string encode(const ClusterConfigRecord& record) {
    return text({{"v", 1},
                 {"generation", record.generation},
                 {"hash", record.hash},
                 {"text", record.text},
                 {"by", record.by.str()}});
}

template <>
Result<ClusterConfigRecord> decode(std::string_view json) {
    Reader reader(json::parse(json, "config record", 8 << 20));
    ClusterConfigRecord record;
    record.generation = reader.number("generation");
    record.hash = reader.text("hash");
    record.text = reader.text("text");
    record.by = reader.name<MemberName>("by");
    return reader.finish(std::move(record));
}

std::string encode(const MemberConfigRecord& record) {
    return text({{"v", 1}, {"running", record.running}, {"file", record.file}, {"note", fit_for_json(record.note)}});
}

template <>
Result<MemberConfigRecord> decode(std::string_view json) {
    Reader reader(json::parse(json, "configs record"));
    MemberConfigRecord record;
    record.running = reader.text("running");
    record.file = reader.text_or("file");
    record.note = reader.text_or("note");
    return reader.finish(std::move(record));
}

std::string encode(const RegistrationRecord& record) {
    return text({{"v", 1}, {"incarnation", std::to_underlying(record.incarnation)}, {"open", record.open}});
}

template <>
Result<RegistrationRecord> decode(std::string_view json) {
    Reader reader(json::parse(json, "registrations record"));
    return reader.finish(RegistrationRecord{reader.incarnation("incarnation"), reader.boolean_or("open", true)});
}

std::string encode_uuid_owner(const GuestName& guest) {
    return text({{"v", 1}, {"guest", guest.str()}});
}

std::string member_key(const MemberName& name) {
    return key("members", name.str());
}
std::string alive_key(const MemberName& name) {
    return key("alive", name.str());
}
std::string fence_key(const MemberName& name) {
    return key("fences", name.str());
}
std::string transition_key() {
    return key("cluster", "transition");
}
std::string disarmed_key() {
    return key("cluster", "disarmed");
}
std::string lone_key() {
    return key("cluster", "lone");
}
std::string maintenance_key(const MemberName& name) {
    return key("maintenance", name.str());
}
std::string directory_key(const GuestName& name) {
    return key("directory", name.str());
}
std::string policy_key(const GuestName& name) {
    return key("policies", name.str());
}
std::string capacity_key(const MemberName& name) {
    return key("capacity", name.str());
}
std::string residency_key(const GuestName& name) {
    return key("residency", name.str());
}
std::string move_key(const GuestName& name) {
    return key("moves", name.str());
}
std::string uuid_key(const GuestUuid& uuid) {
    return key("uuids", uuid.str());
}
std::string registration_key(const MemberName& name) {
    return key("registrations", name.str());
}
std::string cluster_config_key() {
    return key("config", "cluster");
}
std::string member_config_key(const MemberName& name) {
    return key("configs", name.str());
}

}  // namespace ssi::cluster
