// The records of the directory (records.hpp).

#include "daemons/ssid/state/record_fields.hpp"
#include "daemons/ssid/state/records.hpp"

namespace ssi::cluster {
namespace {

constexpr std::size_t kLargest = 8 << 20;  // A definition's XML, and what stands beside it.

boost::json::object fields_of(const OperatorWord& word) {
    return {
        {"at", word.at.str()}, {"who", fit_for_json(word.who)}, {"why", fit_for_json(word.why)}, {"since", word.since}};
}

/// Empty where there is none: what a start left behind has nobody's word.
OperatorWord read_change(RecordReader& reader) {
    OperatorWord word;
    auto part = reader.part("change");
    if (!part) return word;
    word.at = part->name<MemberName>("at");
    word.who = part->text_or("who");
    word.why = part->text_or("why");
    word.since = part->number_or("since");
    reader.take_fault(*part);
    return word;
}

}  // namespace

std::string encode(const DirectoryRecord& record) {
    return record_text(
        {{"v", 1},
         {"uuid", record.uuid.str()},
         {"xml", record.xml},
         {"restart", record.restart},
         {"memory_mib", record.memory_mib},
         {"version", record.version},
         {"change", record.version == 0 ? boost::json::value(nullptr) : boost::json::value(fields_of(record.change))}});
}

template <>
Result<DirectoryRecord> decode(std::string_view json) {
    RecordReader reader(json, "directory record", kLargest);
    DirectoryRecord record;
    record.uuid = reader.name<GuestUuid>("uuid");
    record.xml = reader.text("xml");
    record.restart = reader.boolean_or("restart", true);
    record.memory_mib = reader.number_or("memory_mib");
    record.version = static_cast<std::uint64_t>(reader.number_or("version"));
    record.change = read_change(reader);
    return reader.finish(std::move(record));
}

std::string encode(const DeletedRecord& record) {
    return record_text(
        {{"v", 1}, {"uuid", record.uuid.str()}, {"version", record.version}, {"change", fields_of(record.change)}});
}

template <>
Result<DeletedRecord> decode(std::string_view json) {
    RecordReader reader(json, "deleted record");
    DeletedRecord record;
    record.uuid = reader.name<GuestUuid>("uuid");
    record.version = reader.number("version");
    record.change = read_change(reader);
    return reader.finish(std::move(record));
}

}  // namespace ssi::cluster
