// The records about guests (records.hpp), and about the room that members have for them.

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "daemons/ssid/state/record_fields.hpp"
#include "daemons/ssid/state/records.hpp"

namespace ssi::cluster {
namespace {

constexpr std::array<std::pair<Phase, std::string_view>, 4> kPhases{{{Phase::kStarting, "Starting"},
                                                                     {Phase::kRunning, "Running"},
                                                                     {Phase::kRelocating, "Relocating"},
                                                                     {Phase::kPending, "Pending"}}};

}  // namespace

std::string_view text_of(Phase phase) {
    return name_in(kPhases, phase);
}

std::string encode(const GuestPolicy& record) {
    boost::json::array prefer;
    for (const auto& member : record.prefer) prefer.emplace_back(member.str());
    return record_text({{"v", 1},
                        {"restart", record.restart},
                        {"prefer", std::move(prefer)},
                        {"priority", record.priority},
                        {"limit", record.limit}});
}

template <>
Result<GuestPolicy> decode(std::string_view json) {
    RecordReader reader(json, "policies record");
    GuestPolicy record;
    record.restart = reader.boolean_or("restart", true);
    record.prefer = reader.names<MemberName>("prefer");
    record.priority = static_cast<int>(reader.number_or("priority"));
    record.limit = static_cast<int>(reader.number_or("limit"));
    return reader.finish(std::move(record));
}

std::string encode(const CapacityRecord& record) {
    return record_text({{"v", 1},
                        {"incarnation", std::to_underlying(record.incarnation)},
                        {"free_mib", record.free_mib},
                        {"guests_mib", record.guests_mib}});
}

template <>
Result<CapacityRecord> decode(std::string_view json) {
    RecordReader reader(json, "capacity record");
    return reader.finish(CapacityRecord{reader.incarnation("incarnation"), reader.number_or("free_mib"),
                                        reader.number_or("guests_mib")});
}

std::string encode(const DoorsRecord& record) {
    return record_text(
        {{"v", 1}, {"incarnation", std::to_underlying(record.incarnation)}, {"fault", fit_for_json(record.fault)}});
}

template <>
Result<DoorsRecord> decode(std::string_view json) {
    RecordReader reader(json, "doors record");
    return reader.finish(DoorsRecord{reader.incarnation("incarnation"), reader.text("fault")});
}

std::string encode(const SavedRecord& record) {
    return record_text({{"v", 1},
                        {"uuid", record.uuid.str()},
                        {"member", record.member.str()},
                        {"run", record.run.str()},
                        {"image", record.image}});
}

template <>
Result<SavedRecord> decode(std::string_view json) {
    RecordReader reader(json, "saved record");
    return reader.finish(SavedRecord{reader.name<GuestUuid>("uuid"), reader.name<MemberName>("member"),
                                     RunId(reader.text("run")), reader.text("image")});
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
                        {"reason", fit_for_json(record.reason)},
                        {"image", record.image}};
    if (record.relocation) {
        const auto& relocation = *record.relocation;
        object["relocation"] = json::Object{{"to", relocation.to.member.str()},
                                            {"incarnation", std::to_underlying(relocation.to.incarnation)},
                                            {"run", relocation.run.str()},
                                            {"abort_requested", relocation.abort_requested},
                                            {"source_ended", relocation.source_ended},
                                            {"source_lost", relocation.source_lost},
                                            {"source_image", relocation.source_image}};
    }
    return boost::json::serialize(object);
}

template <>
Result<Residency> decode(std::string_view json) {
    RecordReader reader(json, "residency record");
    Residency record;
    record.uuid = reader.name<GuestUuid>("uuid");
    record.phase = reader.one_of(kPhases, "phase");
    record.home = {reader.name<MemberName>("member"), reader.incarnation("incarnation")};
    record.run = RunId(reader.text("run"));
    record.attempts = static_cast<int>(reader.number_or("attempts"));
    record.restarts = static_cast<int>(reader.number_or("restarts"));
    record.reason = reader.text_or("reason");
    record.image = reader.text_or("image");
    if (auto part = reader.part("relocation")) {
        record.relocation = Relocation{{part->name<MemberName>("to"), part->incarnation("incarnation")},
                                       RunId(part->text("run")),
                                       part->boolean_or("abort_requested", false),
                                       part->boolean_or("source_ended", false),
                                       part->boolean_or("source_lost", false),
                                       part->text_or("source_image")};
        reader.take_fault(*part);
    }
    if (record.relocation.has_value() != (record.phase == Phase::kRelocating))
        return failure(ErrorCode::kProtocolViolated, "residency record: phase and relocation do not agree",
                       "relocation");
    return reader.finish(std::move(record));
}

std::string encode(const MoveRecord& record) {
    return record_text({{"v", 1},
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
    RecordReader reader(json, "moves record");
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

std::string encode(const UuidRecord& record) {
    json::Object object{{"v", 1}, {"guest", record.guest.str()}};
    if (record.run) object["run"] = record.run->str();
    return boost::json::serialize(object);
}

template <>
Result<UuidRecord> decode(std::string_view json) {
    RecordReader reader(json, "uuids record");
    UuidRecord record{reader.name<GuestName>("guest"), std::nullopt};
    if (reader.has("run")) record.run = RunId(reader.text("run"));
    return reader.finish(std::move(record));
}

}  // namespace ssi::cluster
