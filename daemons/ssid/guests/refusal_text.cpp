#include "daemons/ssid/guests/refusal_text.hpp"

#include <charconv>
#include <string>

namespace ssi::cluster {
namespace {

constexpr std::string_view kMark = "SSI-";
constexpr std::size_t kDigits = 4;

std::optional<ErrorCode> leading_code(std::string_view text) {
    if (text.size() < kDigits + 1 || text[kDigits] != ' ') return std::nullopt;
    std::uint16_t code = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + kDigits, code);
    if (error != std::errc() || end != text.data() + kDigits) return std::nullopt;
    return static_cast<ErrorCode>(code);
}

/// Where the remedy begins in "what (remedy)": the "(" that belongs to the ")" at the end. npos: there is none.
std::size_t find_remedy(std::string_view text) {
    if (!text.ends_with(')')) return std::string_view::npos;
    int depth = 0;
    for (auto at = text.size(); at-- > 0;) {
        if (text[at] == ')') ++depth;
        if (text[at] == '(' && --depth == 0) return at > 1 && text[at - 1] == ' ' ? at : std::string_view::npos;
    }
    return std::string_view::npos;
}

}  // namespace

std::optional<Error> find_refusal(std::string_view message) {
    for (auto at = message.find(kMark); at != std::string_view::npos; at = message.find(kMark, at + 1)) {
        auto text = message.substr(at + kMark.size());
        const auto code = leading_code(text);
        if (!code) continue;
        text.remove_prefix(kDigits + 1);
        text = text.substr(0, text.find_first_of("\r\n"));
        text = text.substr(0, text.find_last_not_of(" \t") + 1);
        const auto remedy = find_remedy(text);
        if (remedy == std::string_view::npos) return Error{*code, std::string(text), "", ""};
        return Error{*code, std::string(text.substr(0, remedy - 1)), "",
                     std::string(text.substr(remedy + 1, text.size() - remedy - 2))};
    }
    return std::nullopt;
}

}  // namespace ssi::cluster
