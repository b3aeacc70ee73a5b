// The records about system.toml (records.hpp).

#include <utility>

#include "daemons/ssid/state/record_fields.hpp"
#include "daemons/ssid/state/records.hpp"

namespace ssi::cluster {

std::string encode(const ClusterConfigRecord& record) {
    return record_text({{"v", 1},
                        {"generation", record.generation},
                        {"hash", record.hash},
                        {"text", record.text},
                        {"by", record.by.str()}});
}

template <>
Result<ClusterConfigRecord> decode(std::string_view json) {
    RecordReader reader(json, "config record", 8 << 20);
    ClusterConfigRecord record;
    record.generation = reader.number("generation");
    record.hash = reader.text("hash");
    record.text = reader.text("text");
    record.by = reader.name<MemberName>("by");
    return reader.finish(std::move(record));
}

std::string encode(const MemberConfigRecord& record) {
    return record_text(
        {{"v", 1}, {"running", record.running}, {"file", record.file}, {"note", fit_for_json(record.note)}});
}

template <>
Result<MemberConfigRecord> decode(std::string_view json) {
    RecordReader reader(json, "configs record");
    MemberConfigRecord record;
    record.running = reader.text("running");
    record.file = reader.text_or("file");
    record.note = reader.text_or("note");
    return reader.finish(std::move(record));
}

}  // namespace ssi::cluster
