#include "tools/ssictl/cp/shape.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

namespace ssi::ctl::cp {
namespace {

bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

Element::Kind kind_of_operand(std::string_view name) {
    if (name == "guest") return Element::Kind::kGuest;
    if (name == "member") return Element::Kind::kMember;
    return Element::Kind::kFree;
}

Element parse_element(std::string_view text) {
    Element element;
    if (text.starts_with('[')) {
        element.optional = true;
        text = text.substr(1, text.size() - 2);
    }
    element.text = capitals(text);
    element.shortest = static_cast<std::size_t>(std::ranges::find_if(text, is_lower) - text.begin());
    if (element.shortest == 0) element.kind = kind_of_operand(text);
    return element;
}

}  // namespace

bool Element::is_meant_by(std::string_view typed) const {
    return kind == Kind::kKeyword && typed.size() >= shortest && text.starts_with(capitals(typed));
}

bool Element::is_cut_short_in(std::string_view typed) const {
    return kind == Kind::kKeyword && typed.size() < shortest && text.starts_with(capitals(typed));
}

std::vector<Element> parse_shape(std::string_view text) {
    std::vector<Element> elements;
    for (const auto& word : split_words(text)) elements.push_back(parse_element(word));
    return elements;
}

std::vector<std::string> split_words(std::string_view text) {
    std::vector<std::string> words;
    std::istringstream stream{std::string(text)};
    for (std::string word; stream >> word;) words.push_back(std::move(word));
    return words;
}

std::string capitals(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(),
                           [](char c) { return is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c; });
    return result;
}

}  // namespace ssi::ctl::cp
