#include "lib/common/names.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <format>
#include <stdexcept>

namespace ssi {
namespace {

bool is_letter_or_digit(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

std::unexpected<Error> bad_name(std::string_view noun, std::string_view text, std::string_view rule) {
    return failure(ErrorCode::kUsage, std::format("'{}' is no {}", text, noun), std::string(text), std::string(rule));
}

std::array<unsigned char, 16> random_bytes() {
    std::array<unsigned char, 16> bytes{};
    // getrandom of up to 256 bytes is never interrupted or short once the pool is ready (getrandom(2)).
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        throw std::runtime_error(std::format("getrandom: {}", std::strerror(errno)));
    return bytes;
}

}  // namespace

Result<void> MemberNameRule::check(std::string_view text) {
    const bool valid = !text.empty() && text.size() <= 64 && is_letter_or_digit(text.front()) &&
                       std::ranges::all_of(text, [](char c) { return is_letter_or_digit(c) || c == '-'; });
    if (!valid)
        return bad_name("member name", text, "use 1-64 letters, digits and '-', beginning with a letter or digit");
    return {};
}

Result<void> GuestNameRule::check(std::string_view text) {
    const bool valid =
        !text.empty() && text.size() <= 200 && text != "." && text != ".." && std::ranges::none_of(text, [](char c) {
            const auto byte = static_cast<unsigned char>(c);
            return c == '/' || byte < 0x20 || byte == 0x7f;
        });
    if (!valid) return bad_name("guest name", text, "use 1-200 bytes without '/' and control characters");
    return {};
}

Result<void> ServiceNameRule::check(std::string_view text) {
    const bool valid =
        !text.empty() && text.size() <= 80 && text.front() != '.' &&
        std::ranges::all_of(text, [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.'; });
    if (!valid)
        return bad_name("service name", text, "use 1-80 letters, digits, '-', '_' and '.', not beginning with '.'");
    return {};
}

Result<void> GuestUuidRule::check(std::string_view text) {
    bool valid = text.size() == 36;
    for (std::size_t i = 0; valid && i < text.size(); ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        const char c = text[i];
        valid = dash ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    }
    if (!valid) return bad_name("UUID", text, "use the canonical form, 36 bytes in lower case");
    return {};
}

Result<MemberSlot> MemberSlot::from(std::int64_t number) {
    if (number < 1 || number > 32)
        return failure(ErrorCode::kConfigInvalid, std::format("slot {} is out of range", number),
                       std::to_string(number), "use 1 to 32");
    MemberSlot slot;
    slot.number_ = static_cast<int>(number);
    return slot;
}

RunId RunId::random() {
    std::string text;
    for (const unsigned char byte : random_bytes()) text += std::format("{:02x}", byte);
    return RunId(std::move(text));
}

GuestUuid random_guest_uuid() {
    auto bytes = random_bytes();
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
    std::string text;
    for (std::size_t at = 0; at < bytes.size(); ++at)
        text += std::format("{}{:02x}", at == 4 || at == 6 || at == 8 || at == 10 ? "-" : "", bytes[at]);
    return GuestUuid::parse(text).value();
}

}  // namespace ssi
