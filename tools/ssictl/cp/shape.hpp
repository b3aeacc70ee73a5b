#pragma once
/// The words of a CP command, written as in z/VM's manuals: "VMRELOcate MOVE guest [TO] member". Pure.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ssi::ctl::cp {

/// One word of a shape.
struct Element {
    enum class Kind {
        kKeyword,
        kGuest,   ///< Name of a guest, which is looked up: case does not matter.
        kMember,  ///< Name of a member, likewise.
        kFree,    ///< Taken as it is typed.
    };
    Kind kind = Kind::kKeyword;
    std::string text;          ///< In capitals, as ssictl's help has them: "VMRELOCATE", "GUEST".
    std::size_t shortest = 0;  ///< Of a keyword: its first so many letters are enough.
    bool optional = false;     ///< May be left out; keywords alone.

    /// Whether `typed` is this keyword, or its beginning and long enough; case does not matter.
    [[nodiscard]] bool is_meant_by(std::string_view typed) const;
    /// Whether `typed` is the beginning of this keyword, but too short.
    [[nodiscard]] bool is_cut_short_in(std::string_view typed) const;
};

/// A word that begins with capitals is a keyword, and they are the shortest form of it; one in lower case is an
/// operand, `guest`, `member` or any other; a keyword in brackets may be left out.
[[nodiscard]] std::vector<Element> parse_shape(std::string_view text);

/// The words between the blanks.
[[nodiscard]] std::vector<std::string> split_words(std::string_view text);

/// a-z as A-Z, all else as it is.
[[nodiscard]] std::string capitals(std::string_view text);

}  // namespace ssi::ctl::cp
