#pragma once
/// Lists of words in one text, as command lines have them.

#include <string>
#include <string_view>

namespace ssi {

/// Each word of `text` once, in the order in which they come first, one blank between two.
[[nodiscard]] std::string distinct_words(std::string_view text);

}  // namespace ssi
