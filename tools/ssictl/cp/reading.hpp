#pragma once
/// From what was typed to the row that it means. Pure.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/common/error.hpp"
#include "tools/ssictl/cp/rows.hpp"
#include "tools/ssictl/cp/shape.hpp"

namespace ssi::ctl::cp {

/// An operand with what was typed for it.
struct Operand {
    Element::Kind kind = Element::Kind::kFree;
    std::string name;  ///< "GUEST"
    std::string value;
};

/// A CP command that was understood.
struct Reading {
    Row row;
    std::vector<Operand> operands;
};

/// All that the words can mean equally well; with the rows that there are it is one reading, or none.
[[nodiscard]] std::vector<Reading> readings(const std::vector<std::string>& typed, std::span<const Row> rows);

/// The reading of at least one word. Error: kUsage, with the rows that come nearest.
[[nodiscard]] Result<Reading> read(const std::vector<std::string>& typed, std::span<const Row> rows);

/// The verb that it stands for, with its operands, as ssictl's command line takes it.
[[nodiscard]] std::vector<std::string> verb_words(const Reading& reading);

}  // namespace ssi::ctl::cp
