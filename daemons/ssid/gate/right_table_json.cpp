#include <boost/json/array.hpp>
#include <format>

#include "daemons/ssid/gate/right_table.hpp"

namespace ssi::gate {
namespace {

json::Object write(const GuestRight& entry) {
    json::Object object{{"guest", entry.right.guest.str()},
                        {"uuid", entry.right.uuid.str()},
                        {"run", entry.right.run.str()},
                        {"kind", to_text(entry.right.kind)},
                        {"state", to_text(entry.right.state)},
                        {"void_after_ms", entry.void_after.time_since_epoch().count()},
                        {"leaving", entry.leaving},
                        {"was_acquired", entry.was_acquired},
                        {"announces", entry.announces},
                        {"doomed", entry.doomed},
                        {"outlived", entry.outlived}};
    if (entry.qemu) {
        object["pid"] = entry.qemu->pid;
        object["start_time"] = entry.qemu->start_time;
    }
    boost::json::array held;
    for (const auto& resource : entry.held) held.emplace_back(resource);
    object["held"] = std::move(held);
    return object;
}

Result<const boost::json::array*> list(const json::Object& object, std::string_view field) {
    const auto* value = object.if_contains(field);
    if (value == nullptr || !value->is_array())
        return failure(ErrorCode::kProtocolViolated, std::format("field '{}' is missing or is no list", field));
    return &value->get_array();
}

std::unexpected<Error> no_sense(std::string_view what, const GuestRight& entry) {
    return failure(ErrorCode::kProtocolViolated, std::format("right of guest {}: {}", entry.right.guest.str(), what));
}

/// Reads fields one after the other and remembers the first error, so that the reading below stays a list of fields.
class Reader {
  public:
    explicit Reader(const json::Object& object) : object_(object) {}

    template <class Parse>
    auto parsed(std::string_view field, Parse parse) {
        auto text = take(json::text(object_, field));
        return take(error_ ? decltype(parse(text))(std::unexpected(*error_)) : parse(text));
    }
    bool boolean(std::string_view field) { return take(json::boolean(object_, field)); }
    std::int64_t number(std::string_view field) { return take(json::number(object_, field)); }
    std::uint64_t unsigned_number(std::string_view field) { return take(json::unsigned_number(object_, field)); }
    [[nodiscard]] const std::optional<Error>& error() const { return error_; }

  private:
    template <class T>
    T take(Result<T> result) {
        if (result) return std::move(*result);
        if (!error_) error_ = result.error();
        return T{};
    }

    const json::Object& object_;
    std::optional<Error> error_;
};

Result<GuestRight> read(const json::Object& object) {
    Reader reader(object);
    GuestRight entry;
    entry.right.guest = reader.parsed("guest", GuestName::parse);
    entry.right.uuid = reader.parsed("uuid", GuestUuid::parse);
    entry.right.run = reader.parsed("run", parse_run);
    entry.right.kind = reader.parsed("kind", parse_right_kind);
    entry.right.state = reader.parsed("state", parse_right_state);
    entry.void_after = BootTime(std::chrono::milliseconds(reader.number("void_after_ms")));
    entry.leaving = reader.boolean("leaving");
    entry.was_acquired = reader.boolean("was_acquired");
    entry.announces = reader.boolean("announces");
    entry.doomed = reader.boolean("doomed");
    entry.outlived = json::boolean_or(object, "outlived", false);  // unknown to the guards before the lease
    if (entry.right.state != RightState::kGranted && entry.right.state != RightState::kLost)
        entry.qemu = ProcessId{reader.number("pid"), reader.unsigned_number("start_time")};
    if (reader.error()) return std::unexpected(*reader.error());
    if (entry.qemu && entry.qemu->pid <= 1) return no_sense("its pid is none of a QEMU", entry);

    const auto held = list(object, "held");
    if (!held) return std::unexpected(held.error());
    for (const auto& resource : **held) {
        if (!resource.is_string()) return no_sense("a resource is no text", entry);
        entry.held.emplace(resource.get_string());
    }
    return entry;
}

}  // namespace

json::Object RightTable::to_json() const {
    boost::json::array entries;
    for (const auto& [uuid, entry] : rights_) entries.emplace_back(write(entry));
    boost::json::array finished;
    for (const auto& run : finished_)
        finished.emplace_back(json::Object{{"run", run.run.str()}, {"was_acquired", run.was_acquired}});
    return {{"v", 1}, {"open", open_}, {"rights", std::move(entries)}, {"finished", std::move(finished)}};
}

Result<RightTable> RightTable::from_json(const json::Object& object) {
    RightTable table;
    if (json::number_or(object, "v", 0) != 1)
        return failure(ErrorCode::kProtocolViolated, "the table of rights is not of version 1");
    const auto open = json::boolean(object, "open");
    const auto entries = list(object, "rights");
    const auto finished = list(object, "finished");
    if (!open) return std::unexpected(open.error());
    if (!entries) return std::unexpected(entries.error());
    if (!finished) return std::unexpected(finished.error());

    table.open_ = *open;
    for (const auto& value : **entries) {
        if (!value.is_object()) return failure(ErrorCode::kProtocolViolated, "a right is no JSON object");
        auto entry = read(value.get_object());
        if (!entry) return std::unexpected(entry.error());
        const auto uuid = entry->right.uuid;
        if (table.rights_.contains(uuid)) return no_sense("it is there twice", *entry);
        table.rights_.emplace(uuid, std::move(*entry));
    }
    for (const auto& value : **finished) {
        if (!value.is_object()) return failure(ErrorCode::kProtocolViolated, "a finished run is no JSON object");
        const auto& run = value.get_object();
        const auto id = parse_run(json::text_or(run, "run", ""));
        if (!id) return std::unexpected(id.error());
        table.finished_.push_back({*id, json::boolean_or(run, "was_acquired", true)});
    }
    return table;
}

}  // namespace ssi::gate
