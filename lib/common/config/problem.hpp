#pragma once
/// One fault in system.toml.

#include <cstddef>
#include <string>

namespace ssi {

struct ConfigProblem {
    std::size_t line = 0;  ///< From 1; 0: the file as a whole.
    std::size_t column = 0;
    std::string what;        ///< One line: "unknown key 'scael'".
    std::string remedy;      ///< One line: what to write instead.
    std::string diagnostic;  ///< Several lines: file:line:column, what, the line of the file with a caret, the remedy.
};

}  // namespace ssi
