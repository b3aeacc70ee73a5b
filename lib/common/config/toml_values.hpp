#pragma once
/// Reading values of system.toml as what they must be, and the faults found on the way. For the files of
/// lib/common/config alone: toml.hpp is long.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <toml.hpp>
#include <utility>
#include <vector>

#include "lib/common/config/problem.hpp"

namespace ssi::config {

/// A fault on its way to who collects: toml11 throws at the same places.
struct Fault {
    ConfigProblem problem;
};

/// Throws a Fault at the place of this value.
[[noreturn]] void fault(const toml::value& where, const std::string& what, const std::string& remedy);

/// An administrator mends a file once, not once for each fault in it.
class Faults {
  public:
    /// Does one part of the parsing. A fault ends this part; what does not depend on it goes on behind it.
    template <class Part>
    void within(const Part& part) {
        try {
            part();
        } catch (const Fault& found) {
            problems_.push_back(found.problem);
        }
    }
    [[nodiscard]] std::size_t count() const { return problems_.size(); }
    /// In the order of the file.
    [[nodiscard]] std::vector<ConfigProblem> sorted() const;

  private:
    std::vector<ConfigProblem> problems_;
};

// Each of these throws a Fault when the value is of another kind.

[[nodiscard]] const toml::table& table_of(const toml::value& value);
/// The table [name] of the file, or an empty one.
[[nodiscard]] const toml::value& table_or_none(const toml::value& root, const char* name);
/// Notes every key that `keys.hpp` does not know in a table of this name.
void only_known_keys(const toml::value& table, std::string_view name, Faults& faults);
[[nodiscard]] const toml::value& required(const toml::value& table, const char* key);
/// Without control characters.
[[nodiscard]] std::string text(const toml::value& value);
[[nodiscard]] std::string text_or(const toml::value& table, const std::string& key, std::string otherwise);
[[nodiscard]] bool truth_or(const toml::value& table, const std::string& key, bool otherwise);
[[nodiscard]] double number(const toml::value& value, double least, double most);
[[nodiscard]] int whole_number(const toml::value& value, int least, int most);
/// Seconds in the file, times `scale`.
[[nodiscard]] std::chrono::milliseconds seconds_or(const toml::value& table, const std::string& key,
                                                   std::chrono::milliseconds otherwise, double scale);
[[nodiscard]] const toml::array& array_of(const toml::value& root, const char* key);
[[nodiscard]] const toml::array& pair_of(const toml::value& table, const char* key);

template <class Name>
[[nodiscard]] Name name_of(const toml::value& value) {
    auto name = Name::parse(text(value));
    if (!name) fault(value, name.error().what, name.error().remedy);
    return *std::move(name);
}

/// Every [[key]] of the file, each within `faults`.
template <class Part>
void for_each_table(const toml::value& root, const char* key, Faults& faults, const Part& part) {
    faults.within([&] {
        for (const auto& table : array_of(root, key)) faults.within([&] { part(table); });
    });
}

}  // namespace ssi::config
