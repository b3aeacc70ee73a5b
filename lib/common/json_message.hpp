#pragma once
/// Versioned JSON messages and records: reading fields of foreign JSON without trusting it.

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/common/error.hpp"

namespace ssi::json {

using Object = boost::json::object;

/// Parses one JSON object of at most `limit` bytes, which is kept in `memory`. Error: kProtocolViolated, with `source`
/// as its object.
[[nodiscard]] Result<Object> parse(std::string_view text, std::string_view source, std::size_t limit = 1 << 20,
                                   boost::json::storage_ptr memory = {});

/// Fields; a missing one or one of another type is kProtocolViolated and names the field.
[[nodiscard]] Result<std::string> text(const Object& object, std::string_view field);
[[nodiscard]] Result<std::int64_t> number(const Object& object, std::string_view field);
[[nodiscard]] Result<std::uint64_t> unsigned_number(const Object& object, std::string_view field);
[[nodiscard]] Result<bool> boolean(const Object& object, std::string_view field);
[[nodiscard]] Result<Object> object(const Object& object, std::string_view field);

/// Optional fields: the given value if the field is absent or of another type.
[[nodiscard]] std::string text_or(const Object& object, std::string_view field, std::string_view otherwise);
[[nodiscard]] std::int64_t number_or(const Object& object, std::string_view field, std::int64_t otherwise);
[[nodiscard]] bool boolean_or(const Object& object, std::string_view field, bool otherwise);

/// An Error as {"code","what","object","remedy"}, and back.
[[nodiscard]] Object from_error(const Error& error);
[[nodiscard]] Error to_error(const Object& object);

}  // namespace ssi::json
