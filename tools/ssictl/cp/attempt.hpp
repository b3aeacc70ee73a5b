#pragma once
/// How far one row goes along with what was typed. Pure.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "tools/ssictl/cp/reading.hpp"

namespace ssi::ctl::cp {

struct Attempt {
    Row row;
    std::size_t understood = 0;  ///< Words, from the first one on.
    std::size_t keywords = 0;    ///< Keywords among them.
    std::vector<Operand> operands = {};
    std::optional<Element> wanted = {};  ///< What the row wants in the place of the first word that was not understood.
};

[[nodiscard]] Attempt attempt(const Row& row, const std::vector<std::string>& typed);

/// Whether every word was understood, and none is missing.
[[nodiscard]] bool fits(const Attempt& attempt, const std::vector<std::string>& typed);

/// Why none of the attempts fits, and what would, of the rows that went farthest. `typed` has at least one word.
[[nodiscard]] Error refusal(std::vector<Attempt> attempts, const std::vector<std::string>& typed);

}  // namespace ssi::ctl::cp
