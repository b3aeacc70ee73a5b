#pragma once
/// What a SCSI device says of a command that did not end well: its sense data (SPC-4, 4.5).

#include <cstdint>
#include <optional>
#include <string>

#include "lib/common/bytes.hpp"

namespace ssi::scsi {

enum class SenseKey : std::uint8_t {
    kNoSense = 0,
    kRecoveredError = 1,
    kNotReady = 2,
    kMediumError = 3,
    kHardwareError = 4,
    kIllegalRequest = 5,
    kUnitAttention = 6,
    kDataProtect = 7,
    kAbortedCommand = 0xb,
};

struct Sense {
    SenseKey key{};
    std::uint8_t code = 0;       ///< Additional sense code.
    std::uint8_t qualifier = 0;  ///< Its qualifier.
    bool is_deferred = false;    ///< It concerns an earlier command.
    friend bool operator==(const Sense&, const Sense&) = default;
};

/// Fixed format (70h, 71h) or descriptor format (72h, 73h). None: too short, or of neither.
[[nodiscard]] std::optional<Sense> decode_sense(ByteView bytes);

/// "illegal request, invalid field in the command (24h/00h)".
[[nodiscard]] std::string text_of(const Sense& sense);

}  // namespace ssi::scsi
