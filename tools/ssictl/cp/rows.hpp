#pragma once
/// The CP commands there are: one row each, and nothing else to be changed for a new one but docs/operators-guide.md.

#include <span>
#include <string_view>

namespace ssi::ctl::cp {

struct Row {
    std::string_view shape;  ///< As parse_shape takes it.
    std::string_view verb;   ///< The verb of ssictl that it stands for; a word of capitals is the shape's operand.
    std::string_view help;   ///< One line.
};

/// No two of them can be meant by the same words, unless one has a keyword where the other has an operand: then it is
/// that one.
[[nodiscard]] std::span<const Row> rows();

}  // namespace ssi::ctl::cp
