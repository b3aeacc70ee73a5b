#include "lib/common/config/toml_values.hpp"

#include <algorithm>
#include <cmath>
#include <format>

#include "lib/common/config/keys.hpp"
#include "lib/common/plain_text.hpp"

namespace ssi::config {

/// Its diagnostic is file:line:column, what is wrong, the line with a caret and the remedy beneath it.
void fault(const toml::value& where, const std::string& what, const std::string& remedy) {
    const auto place = where.location();
    const auto info = toml::make_error_info(what, where, remedy);
    throw Fault{{place.first_line_number(), place.first_column_number(), what, remedy,
                 std::format("{}:{}:{}: {}", place.file_name(), place.first_line_number(), place.first_column_number(),
                             toml::format_error("", info))}};
}

std::vector<ConfigProblem> Faults::sorted() const {
    auto problems = problems_;
    std::ranges::stable_sort(problems, {}, [](const ConfigProblem& one) { return std::pair(one.line, one.column); });
    return problems;
}

const toml::table& table_of(const toml::value& value) {
    if (!value.is_table()) fault(value, "this must be a table", "write [...] or { KEY = VALUE, ... }");
    return value.as_table();
}

const toml::value& table_or_none(const toml::value& root, const char* name) {
    static const toml::value none{toml::table{}};
    if (!root.contains(name)) return none;
    static_cast<void>(table_of(root.at(name)));
    return root.at(name);
}

void only_known_keys(const toml::value& table, std::string_view name, Faults& faults) {
    std::string known;
    for (const auto& key : config_keys())
        if (key.table == name) known += std::format("{}{}", known.empty() ? "" : ", ", key.name);
    for (const auto& [key, value] : table_of(table))
        if (find_config_key(name, key) == nullptr)
            faults.within([&] { fault(value, std::format("unknown key '{}'", key), "known here: " + known); });
}

const toml::value& required(const toml::value& table, const char* key) {
    if (!table.contains(key)) fault(table, std::format("'{}' is missing", key), std::format("add {} = ...", key));
    return table.at(key);
}

std::string text(const toml::value& value) {
    if (!value.is_string()) fault(value, "this must be text", "write it in quotes");
    if (!is_plain_text(value.as_string())) fault(value, "this text holds a control character", "leave it out");
    return value.as_string();
}

std::string text_or(const toml::value& table, const std::string& key, std::string otherwise) {
    return table.contains(key) ? text(table.at(key)) : std::move(otherwise);
}

bool truth_or(const toml::value& table, const std::string& key, bool otherwise) {
    if (!table.contains(key)) return otherwise;
    const auto& value = table.at(key);
    if (!value.is_boolean()) fault(value, "this must be true or false", "write it without quotes");
    return value.as_boolean();
}

double number(const toml::value& value, double least, double most) {
    if (!value.is_floating() && !value.is_integer()) fault(value, "this must be a number", "write it without quotes");
    const double result = value.is_integer() ? static_cast<double>(value.as_integer()) : value.as_floating();
    if (!(result >= least && result <= most))
        fault(value, "number out of range", std::format("use {} to {}", least, most));
    return result;
}

int whole_number(const toml::value& value, int least, int most) {
    if (!value.is_integer()) fault(value, "this must be a whole number", std::format("use {} to {}", least, most));
    return static_cast<int>(number(value, least, most));
}

std::chrono::milliseconds seconds_or(const toml::value& table, const std::string& key,
                                     std::chrono::milliseconds otherwise, double scale) {
    const double seconds =
        table.contains(key) ? number(table.at(key), 0.05, 3600) : static_cast<double>(otherwise.count()) / 1000;
    return std::chrono::milliseconds(std::llround(seconds * scale * 1000));
}

const toml::array& array_of(const toml::value& root, const char* key) {
    static const toml::array empty;
    if (!root.contains(key)) return empty;
    if (!root.at(key).is_array())
        fault(root.at(key), std::format("'{}' must be a list of tables", key), std::format("write [[{}]]", key));
    return root.at(key).as_array();
}

const toml::array& pair_of(const toml::value& table, const char* key) {
    const auto& value = required(table, key);
    if (!value.is_array() || value.as_array().size() != 2)
        fault(value, "this must be a list of two", "one for each end, in the order of 'members'");
    return value.as_array();
}

}  // namespace ssi::config
