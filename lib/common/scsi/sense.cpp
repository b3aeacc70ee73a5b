#include "lib/common/scsi/sense.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <string_view>
#include <utility>

namespace ssi::scsi {
namespace {

struct KnownCode {
    std::uint8_t code;
    std::uint8_t qualifier;
    std::string_view text;
};

/// Those that commands about reservations, and ways to a volume that are lost, end with.
constexpr std::array kCodes{
    KnownCode{0x04, 0x00, "not ready"},
    KnownCode{0x04, 0x01, "becoming ready"},
    KnownCode{0x04, 0x0a, "its path is changing state"},
    KnownCode{0x04, 0x0b, "its path is in standby"},
    KnownCode{0x04, 0x0c, "its path is unavailable"},
    KnownCode{0x1a, 0x00, "parameter list of a wrong length"},
    KnownCode{0x20, 0x00, "command not known to it"},
    KnownCode{0x24, 0x00, "invalid field in the command"},
    KnownCode{0x25, 0x00, "no such logical unit"},
    KnownCode{0x26, 0x00, "invalid field in the parameters"},
    KnownCode{0x26, 0x04, "invalid release of a reservation"},
    KnownCode{0x29, 0x00, "power on, reset or bus reset"},
    KnownCode{0x2a, 0x03, "reservations preempted"},
    KnownCode{0x2a, 0x04, "reservations released"},
    KnownCode{0x2a, 0x05, "registrations preempted"},
    KnownCode{0x2f, 0x00, "commands cleared by another initiator"},
    KnownCode{0x3a, 0x00, "no medium"},
    KnownCode{0x3f, 0x0e, "its logical units have changed"},
    KnownCode{0x55, 0x02, "no room for reservations"},
    KnownCode{0x55, 0x04, "no room for registrations"},
};

std::string_view text_of(SenseKey key) {
    switch (key) {
        case SenseKey::kNoSense:
            return "no sense";
        case SenseKey::kRecoveredError:
            return "recovered error";
        case SenseKey::kNotReady:
            return "not ready";
        case SenseKey::kMediumError:
            return "medium error";
        case SenseKey::kHardwareError:
            return "hardware error";
        case SenseKey::kIllegalRequest:
            return "illegal request";
        case SenseKey::kUnitAttention:
            return "unit attention";
        case SenseKey::kDataProtect:
            return "data protected";
        case SenseKey::kAbortedCommand:
            return "aborted command";
    }
    return "";
}

}  // namespace

std::optional<Sense> decode_sense(ByteView bytes) {
    const auto at = [&](std::size_t index) {
        return index < bytes.size() ? std::to_integer<std::uint8_t>(bytes[index]) : std::uint8_t{0};
    };
    const auto format = at(0) & 0x7f;
    const bool is_fixed = format == 0x70 || format == 0x71;
    const bool is_descriptor = format == 0x72 || format == 0x73;
    const bool is_deferred = format == 0x71 || format == 0x73;
    if (is_descriptor && bytes.size() >= 4)
        return Sense{static_cast<SenseKey>(at(1) & 0x0f), at(2), at(3), is_deferred};
    if (!is_fixed || bytes.size() < 3) return std::nullopt;
    Sense sense{static_cast<SenseKey>(at(2) & 0x0f), 0, 0, is_deferred};
    // What lies behind the additional length is whatever was there before.
    const std::size_t end = std::min<std::size_t>(bytes.size(), std::size_t{8} + at(7));
    if (end > 12) sense.code = at(12);
    if (end > 13) sense.qualifier = at(13);
    return sense;
}

std::string text_of(const Sense& sense) {
    auto text = std::string(text_of(sense.key));
    if (text.empty()) text = std::format("sense key {:X}h", std::to_underlying(sense.key));
    const auto* known = std::ranges::find_if(
        kCodes, [&](const KnownCode& one) { return one.code == sense.code && one.qualifier == sense.qualifier; });
    if (known != kCodes.end() && text != known->text) text += std::format(", {}", known->text);
    return text + std::format(" ({:02X}h/{:02X}h{})", sense.code, sense.qualifier,
                              sense.is_deferred ? ", of an earlier command" : "");
}

}  // namespace ssi::scsi
