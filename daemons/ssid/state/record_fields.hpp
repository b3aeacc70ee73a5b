#pragma once
/// How records (records.hpp) become JSON text, and what reads it again. For their sources alone.

#include <algorithm>
#include <array>
#include <boost/json/monotonic_resource.hpp>
#include <cstdint>
#include <format>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/common/error.hpp"
#include "lib/common/json_message.hpp"
#include "lib/common/names.hpp"

namespace ssi::cluster {

/// The word for a value, in a table of pairs that has it.
template <class Table, class Value>
[[nodiscard]] std::string_view name_in(const Table& table, Value value) {
    return std::ranges::find(table, value, &Table::value_type::first)->second;
}

/// Where a record is JSON for a moment. Most fit in, and cost no allocation for each of their parts: every member
/// decodes every sign of life of every other.
class RecordMemory {
  public:
    /// Lasts as long as this object.
    [[nodiscard]] boost::json::storage_ptr get() { return &resource_; }

  private:
    std::array<unsigned char, 2048> buffer_;
    boost::json::monotonic_resource resource_{buffer_.data(), buffer_.size()};
};

/// The text of a record with these fields.
[[nodiscard]] std::string record_text(
    std::initializer_list<std::pair<boost::json::string_view, boost::json::value_ref>> fields);

/// libvirt passes on what a QEMU wrote before it died, cut anywhere. Bytes that JSON cannot hold would make the record,
/// and with it the whole state, unreadable for every member.
[[nodiscard]] std::string fit_for_json(std::string_view bytes);

/// Reads the fields of one record; the first fault is kept, so that a record is read top to bottom and checked once.
class RecordReader {
  public:
    /// `source` says in errors what it is; `limit` in bytes.
    RecordReader(std::string_view json, std::string_view source, std::size_t limit = 1 << 20)
        : parsed_(json::parse(json, source, limit, memory_.get())) {
        if (!parsed_) {
            fault_ = parsed_.error();
            parsed_.emplace();
        }
        object_ = &*parsed_;
        if (!fault_ && number("v") != 1 && !fault_)
            fault_ = Error{ErrorCode::kProtocolViolated, "record of an unknown version", "v", "upgrade this member"};
    }
    /// A part of another; lasts as long as that.
    explicit RecordReader(const json::Object& part) : object_(&part) {}

    [[nodiscard]] bool has(std::string_view field) const { return object_->contains(field); }
    /// A field that must be there, with such a value.
    std::string text(std::string_view field) { return keep(json::text(*object_, field)); }
    std::uint64_t number(std::string_view field) { return keep(json::unsigned_number(*object_, field)); }
    Incarnation incarnation(std::string_view field) { return Incarnation{number(field)}; }
    template <class Name>
    Name name(std::string_view field) {
        return keep(Name::parse(text(field)));
    }
    /// One of the words of a table of pairs.
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

    /// A field that may be missing.
    bool boolean_or(std::string_view field, bool otherwise) { return json::boolean_or(*object_, field, otherwise); }
    std::string text_or(std::string_view field) { return json::text_or(*object_, field, ""); }
    std::int64_t number_or(std::string_view field) { return json::number_or(*object_, field, 0); }
    template <class Name>
    std::vector<Name> names(std::string_view field) {
        std::vector<Name> found;
        const auto* list = object_->if_contains(field);
        if (list == nullptr || !list->is_array()) return found;
        for (const auto& entry : list->get_array())
            found.push_back(keep(Name::parse(entry.is_string() ? std::string(entry.get_string()) : std::string())));
        return found;
    }
    std::optional<RecordReader> part(std::string_view field) {
        const auto* value = object_->if_contains(field);
        if (value == nullptr || !value->is_object()) return std::nullopt;
        return std::optional<RecordReader>(std::in_place, value->get_object());
    }
    /// The record, or the first fault.
    template <class Record>
    Result<Record> finish(Record record) {
        if (fault_) return std::unexpected(*fault_);
        return record;
    }
    /// That of a part counts for the whole.
    void take_fault(const RecordReader& other) {
        if (!fault_) fault_ = other.fault_;
    }

  private:
    template <class T>
    T keep(Result<T> result) {
        if (result) return *std::move(result);
        if (!fault_) fault_ = result.error();
        return T{};
    }
    RecordMemory memory_;
    Result<json::Object> parsed_;
    const json::Object* object_;
    std::optional<Error> fault_;
};

}  // namespace ssi::cluster
