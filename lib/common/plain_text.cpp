#include "lib/common/plain_text.hpp"

#include <algorithm>
#include <array>

namespace ssi {
namespace {

bool is_printable(char byte) {
    return byte >= 0x20 && byte < 0x7f;
}

/// Bytes of the character at the front (RFC 3629); 0 if what stands there is not plain.
std::size_t plain_character(std::string_view text) {
    const auto first = static_cast<unsigned char>(text.front());
    if (first < 0x80) return is_printable(text.front()) ? 1 : 0;
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc0 || first >= 0xf8 || text.size() < length) return 0;
    char32_t code = first & (0xffU >> (length + 1));
    for (const char byte : text.substr(1, length - 1)) {
        const auto next = static_cast<unsigned char>(byte);
        if ((next & 0xc0) != 0x80) return 0;
        code = code << 6 | (next & 0x3f);
    }
    // Longer than need be is no UTF-8; up to U+009F two bytes make a control character.
    constexpr std::array<char32_t, 5> kLeast{0, 0, 0xa0, 0x800, 0x10000};
    const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
    const bool is_noncharacter = (code & 0xfffe) == 0xfffe || (code >= 0xfdd0 && code <= 0xfdef);
    return code >= kLeast[length] && code <= 0x10ffff && !is_surrogate && !is_noncharacter ? length : 0;
}

}  // namespace

bool is_plain_text(std::string_view text) {
    while (!text.empty()) {
        const auto length = plain_character(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

std::string plain_text(std::string text) {
    if (!is_plain_text(text)) std::ranges::replace_if(text, [](char byte) { return !is_printable(byte); }, '?');
    return text;
}

}  // namespace ssi
