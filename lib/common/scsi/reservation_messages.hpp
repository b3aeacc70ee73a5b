#pragma once
/// PERSISTENT RESERVE IN and OUT as bytes (SPC-4, 6.15 and 6.16): built here, and what a device answers parsed.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "lib/common/scsi/reservation_key.hpp"
#include "lib/common/scsi/transport.hpp"

namespace ssi::scsi {

/// Who may write, and read, while a reservation is held.
enum class ReservationType : std::uint8_t {
    kWriteExclusive = 1,
    kExclusiveAccess = 3,
    kWriteExclusiveRegistrants = 5,  ///< WERO: one holder; all that are registered may write.
    kExclusiveAccessRegistrants = 6,
    kWriteExclusiveAllRegistrants = 7,  ///< WEAR: the same, and all of them are holders.
    kExclusiveAccessAllRegistrants = 8,
};
/// "write exclusive, all registrants (type 7)".
[[nodiscard]] std::string text_of(ReservationType type);

enum class ReserveIn : std::uint8_t { kReadKeys = 0, kReadReservation = 1, kReportCapabilities = 2 };
enum class ReserveOut : std::uint8_t {
    kRegister = 0,
    kReserve = 1,
    kRelease = 2,
    kClear = 3,
    kPreempt = 4,
    kPreemptAndAbort = 5,
    kRegisterAndIgnoreExistingKey = 6,
};

inline constexpr std::uint8_t kReserveInCode = 0x5e;
inline constexpr std::uint8_t kReserveOutCode = 0x5f;
/// The most that an answer can hold: allocation lengths have 16 bits.
inline constexpr std::size_t kMostAnswer = 0xfff8;

/// `size`: bytes that the answer may have, at most kMostAnswer.
[[nodiscard]] Command reserve_in(ReserveIn action, std::size_t size);

/// What a PERSISTENT RESERVE OUT says. A key of 0 is "none".
struct ReserveOutRequest {
    ReserveOut action{};
    ReservationKey key{};         ///< The one that the sender is registered with.
    ReservationKey action_key{};  ///< The new one; of preempt: the one that is taken away.
    ReservationType type = ReservationType::kWriteExclusiveAllRegistrants;  ///< Of reserve, release, preempt.
    bool through_power_loss = false;  ///< APTPL, of register: the device keeps registrations when it loses power.
};
[[nodiscard]] Command reserve_out(const ReserveOutRequest& request);

/// READ KEYS: one entry for each path that is registered, so that a key may be there several times.
struct RegisteredKeys {
    std::uint32_t generation = 0;  ///< Moved on by each change of registrations.
    std::vector<ReservationKey> keys;
    bool is_complete = true;  ///< The answer had room for all of them.
    friend bool operator==(const RegisteredKeys&, const RegisteredKeys&) = default;
};

/// READ RESERVATION.
struct Reservation {
    ReservationKey key{};  ///< Of the holder; 0 if all registrants are holders.
    ReservationType type{};
    friend bool operator==(const Reservation&, const Reservation&) = default;
};

/// REPORT CAPABILITIES.
struct Capabilities {
    bool keeps_through_power_loss = false;    ///< PTPL_C
    std::optional<std::uint16_t> types = {};  ///< Bit N: type N is known to it. None: it does not say.
    [[nodiscard]] bool may_know(ReservationType type) const;
    friend bool operator==(const Capabilities&, const Capabilities&) = default;
};

/// Bytes of a device. Errors (kFenceFailed): too short, or lengths that make no sense. `device`: for messages.
[[nodiscard]] Result<RegisteredKeys> decode_keys(ByteView bytes, std::string_view device);
/// None: no reservation is held.
[[nodiscard]] Result<std::optional<Reservation>> decode_reservation(ByteView bytes, std::string_view device);
[[nodiscard]] Result<Capabilities> decode_capabilities(ByteView bytes, std::string_view device);

}  // namespace ssi::scsi
