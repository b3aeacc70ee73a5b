// The records about members (records.hpp).

#include <array>
#include <span>
#include <utility>

#include "daemons/ssid/state/record_fields.hpp"
#include "daemons/ssid/state/records.hpp"

namespace ssi::cluster {
namespace {

constexpr std::array<std::pair<MemberState, std::string_view>, 7> kStates{{{MemberState::kDown, "Down"},
                                                                           {MemberState::kJoining, "Joining"},
                                                                           {MemberState::kJoined, "Joined"},
                                                                           {MemberState::kLeaving, "Leaving"},
                                                                           {MemberState::kIsolated, "Isolated"},
                                                                           {MemberState::kSuspended, "Suspended"},
                                                                           {MemberState::kUnknown, "Unknown"}}};
constexpr std::array<std::pair<Transition::Kind, std::string_view>, 2> kTransitions{
    {{Transition::Kind::kJoin, "join"}, {Transition::Kind::kLeave, "leave"}}};

}  // namespace

std::string_view text_of(MemberState state) {
    return name_in(kStates, state);
}

std::string encode(const MemberRecord& record) {
    return record_text({{"v", 1},
                        {"state", text_of(record.state)},
                        {"incarnation", std::to_underlying(record.incarnation)},
                        {"reason", fit_for_json(record.reason)},
                        {"verdict", fit_for_json(record.verdict)},
                        {"declared_dead", std::to_underlying(record.declared_dead)}});
}

template <>
Result<MemberRecord> decode(std::string_view json) {
    RecordReader reader(json, "members record");
    MemberRecord record;
    record.state = reader.one_of(std::span(kStates).first<5>(), "state");
    record.incarnation = reader.incarnation("incarnation");
    record.reason = reader.text_or("reason");
    record.verdict = reader.text_or("verdict");
    record.declared_dead = Incarnation{static_cast<std::uint64_t>(reader.number_or("declared_dead"))};
    return reader.finish(std::move(record));
}

std::string encode(const AliveRecord& record) {
    return record_text({{"v", 1}, {"incarnation", std::to_underlying(record.incarnation)}, {"beat", record.beat}});
}

template <>
Result<AliveRecord> decode(std::string_view json) {
    RecordReader reader(json, "alive record");
    return reader.finish(AliveRecord{reader.incarnation("incarnation"), reader.number("beat")});
}

std::string encode(const Transition& record) {
    return record_text({{"v", 1},
                        {"kind", name_in(kTransitions, record.kind)},
                        {"member", record.member.str()},
                        {"incarnation", std::to_underlying(record.incarnation)}});
}

template <>
Result<Transition> decode(std::string_view json) {
    RecordReader reader(json, "transition record");
    Transition record;
    record.kind = reader.one_of(kTransitions, "kind");
    record.member = reader.name<MemberName>("member");
    record.incarnation = reader.incarnation("incarnation");
    return reader.finish(std::move(record));
}

std::string encode(const FenceRecord& record) {
    return record_text({{"v", 1},
                        {"incarnation", std::to_underlying(record.incarnation)},
                        {"by", record.by.str()},
                        {"alive_revision", std::to_underlying(record.alive)}});
}

template <>
Result<FenceRecord> decode(std::string_view json) {
    RecordReader reader(json, "fences record");
    FenceRecord record;
    record.incarnation = reader.incarnation("incarnation");
    record.by = reader.name<MemberName>("by");
    record.alive = Revision{static_cast<std::int64_t>(reader.number("alive_revision"))};
    return reader.finish(std::move(record));
}

std::string encode(const OperatorWord& record) {
    return record_text({{"v", 1},
                        {"at", record.at.str()},
                        {"who", fit_for_json(record.who)},
                        {"why", fit_for_json(record.why)},
                        {"since", record.since}});
}

template <>
Result<OperatorWord> decode(std::string_view json) {
    RecordReader reader(json, "operator's word");
    OperatorWord record;
    record.at = reader.name<MemberName>("at");
    record.who = reader.text_or("who");
    record.why = reader.text_or("why");
    record.since = reader.number_or("since");
    return reader.finish(std::move(record));
}

std::string encode(const LoneRecord& record) {
    return record_text(
        {{"v", 1}, {"member", record.life.member.str()}, {"incarnation", std::to_underlying(record.life.incarnation)}});
}

template <>
Result<LoneRecord> decode(std::string_view json) {
    RecordReader reader(json, "lone record");
    LoneRecord record;
    record.life.member = reader.name<MemberName>("member");
    record.life.incarnation = reader.incarnation("incarnation");
    return reader.finish(std::move(record));
}

std::string encode(const RegistrationRecord& record) {
    return record_text({{"v", 1}, {"incarnation", std::to_underlying(record.incarnation)}, {"open", record.open}});
}

template <>
Result<RegistrationRecord> decode(std::string_view json) {
    RecordReader reader(json, "registrations record");
    return reader.finish(RegistrationRecord{reader.incarnation("incarnation"), reader.boolean_or("open", true)});
}

}  // namespace ssi::cluster
