#include "lib/common/toml_nesting.hpp"

#include <algorithm>
#include <format>

namespace ssi {
namespace {

/// Where the text in quotes that begins at `at` ends; the parser says what is wrong with one that does not.
std::size_t end_of_quoted(std::string_view text, std::size_t at) {
    const std::string thrice(3, text[at]);
    const bool has_lines = text.substr(at).starts_with(thrice);
    const auto mark = has_lines ? std::string_view(thrice) : text.substr(at, 1);
    for (at += mark.size(); at < text.size(); ++at) {
        if (text.substr(at).starts_with(mark)) return at + mark.size();
        if (mark[0] == '"' && text[at] == '\\') ++at;
        if (!has_lines && text[at] == '\n') break;
    }
    return std::min(at, text.size());
}

}  // namespace

Result<void> check_toml_nesting(std::string_view text, const std::string& file) {
    int depth = 0;
    for (std::size_t at = 0; at < text.size();) {
        const char letter = text[at];
        if (letter == '"' || letter == '\'') {
            at = end_of_quoted(text, at);
            continue;
        }
        if (letter == '#') {
            at = std::min(text.find('\n', at), text.size());
            continue;
        }
        if (letter == '[' || letter == '{') ++depth;
        if (letter == ']' || letter == '}') --depth;
        if (depth > kMostNesting) {
            const auto before = text.substr(0, at);
            return failure(
                ErrorCode::kConfigInvalid,
                std::format("{}:{}:{}: more than {} brackets are open", file, std::ranges::count(before, '\n') + 1,
                            at - (before.rfind('\n') + 1) + 1, kMostNesting),
                file, std::format("mend {} and try again", file));
        }
        ++at;
    }
    return {};
}

}  // namespace ssi
