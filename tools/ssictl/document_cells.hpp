#pragma once
/// Fields of the daemons' documents as cells of a table. Pure.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/common/json_message.hpp"

namespace ssi::ctl {

/// The objects in a list of the document. Error: kProtocolViolated.
[[nodiscard]] Result<std::vector<json::Object>> entries(const json::Object& document, std::string_view field);
/// Empty when the field is not there.
[[nodiscard]] std::string text_of(const json::Object& object, std::string_view field);
[[nodiscard]] std::string number_of(const json::Object& object, std::string_view field);

/// "1.5 KiB".
[[nodiscard]] std::string bytes(double amount);
[[nodiscard]] std::string bytes(const json::Object& object, std::string_view field);
/// "47 s", "3 min", "5 h", "12 d".
[[nodiscard]] std::string duration(std::chrono::milliseconds time);
/// "0.215 ms", from a field in microseconds.
[[nodiscard]] std::string round_trip(const json::Object& object, std::string_view field);

}  // namespace ssi::ctl
