#include "lib/common/scsi/reservation_messages.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace ssi::scsi {
namespace {

constexpr std::size_t kHeader = 8;  // of both lists: generation and additional length
constexpr std::size_t kReservationSize = 16;
constexpr std::size_t kParameters = 24;

std::string_view name_of(ReserveIn action) {
    switch (action) {
        case ReserveIn::kReadKeys:
            return "read keys";
        case ReserveIn::kReadReservation:
            return "read reservation";
        case ReserveIn::kReportCapabilities:
            break;
    }
    return "report capabilities";
}

std::string_view name_of(ReserveOut action) {
    switch (action) {
        case ReserveOut::kRegister:
            return "register";
        case ReserveOut::kReserve:
            return "reserve";
        case ReserveOut::kRelease:
            return "release";
        case ReserveOut::kClear:
            return "clear";
        case ReserveOut::kPreempt:
            return "preempt";
        case ReserveOut::kPreemptAndAbort:
            return "preempt and abort";
        case ReserveOut::kRegisterAndIgnoreExistingKey:
            break;
    }
    return "register and ignore existing key";
}

std::unexpected<Error> makes_no_sense(std::string_view device, std::string_view what, std::size_t size) {
    return failure(ErrorCode::kFenceFailed,
                   std::format("{} answered {} with {} bytes that make no sense", device, what, size),
                   std::string(device), "see whether the device does SCSI-3 persistent reservations");
}

std::uint8_t byte_at(ByteView bytes, std::size_t index) {
    return std::to_integer<std::uint8_t>(bytes[index]);
}

}  // namespace

std::string text_of(ReservationType type) {
    const auto number = static_cast<int>(type);
    switch (type) {
        case ReservationType::kWriteExclusive:
            return std::format("write exclusive (type {})", number);
        case ReservationType::kExclusiveAccess:
            return std::format("exclusive access (type {})", number);
        case ReservationType::kWriteExclusiveRegistrants:
            return std::format("write exclusive, registrants only (type {})", number);
        case ReservationType::kExclusiveAccessRegistrants:
            return std::format("exclusive access, registrants only (type {})", number);
        case ReservationType::kWriteExclusiveAllRegistrants:
            return std::format("write exclusive, all registrants (type {})", number);
        case ReservationType::kExclusiveAccessAllRegistrants:
            return std::format("exclusive access, all registrants (type {})", number);
    }
    return std::format("type {}", number);
}

Command reserve_in(ReserveIn action, std::size_t size) {
    Command command;
    command.in = std::min(size, kMostAnswer);
    command.name = std::format("PERSISTENT RESERVE IN ({})", name_of(action));
    ByteWriter cdb(command.cdb);
    cdb.number(kReserveInCode);
    cdb.number(std::to_underlying(action));
    cdb.number(std::uint32_t{0});
    cdb.number(std::uint8_t{0});
    cdb.number(static_cast<std::uint16_t>(command.in));
    cdb.number(std::uint8_t{0});
    return command;
}

Command reserve_out(const ReserveOutRequest& request) {
    Command command;
    command.name = std::format("PERSISTENT RESERVE OUT ({})", name_of(request.action));
    const bool has_type = request.action == ReserveOut::kReserve || request.action == ReserveOut::kRelease ||
                          request.action == ReserveOut::kPreempt || request.action == ReserveOut::kPreemptAndAbort;
    ByteWriter cdb(command.cdb);
    cdb.number(kReserveOutCode);
    cdb.number(std::to_underlying(request.action));
    // The upper half is the scope: 0, the whole logical unit.
    cdb.number(has_type ? std::to_underlying(request.type) : std::uint8_t{0});
    cdb.number(std::uint16_t{0});
    cdb.number(static_cast<std::uint32_t>(kParameters));
    cdb.number(std::uint8_t{0});
    ByteWriter parameters(command.out);
    parameters.number(std::to_underlying(request.key));
    parameters.number(std::to_underlying(request.action_key));
    parameters.number(std::uint32_t{0});
    parameters.number(static_cast<std::uint8_t>(request.through_power_loss ? 1 : 0));
    parameters.number(std::uint8_t{0});
    parameters.number(std::uint16_t{0});
    return command;
}

bool Capabilities::may_know(ReservationType type) const {
    return !types || (*types >> static_cast<unsigned>(type) & 1U) != 0;
}

Result<RegisteredKeys> decode_keys(ByteView bytes, std::string_view device) {
    ByteReader reader(bytes);
    RegisteredKeys keys{reader.number<std::uint32_t>(), {}, true};
    const std::size_t length = reader.number<std::uint32_t>();
    if (reader.failed() || length % 8 != 0) return makes_no_sense(device, "read keys", bytes.size());
    keys.is_complete = length <= bytes.size() - kHeader;
    for (std::size_t left = std::min(length, bytes.size() - kHeader); left >= 8; left -= 8)
        keys.keys.push_back(ReservationKey{reader.number<std::uint64_t>()});
    return keys;
}

Result<std::optional<Reservation>> decode_reservation(ByteView bytes, std::string_view device) {
    ByteReader reader(bytes);
    static_cast<void>(reader.number<std::uint32_t>());
    const std::size_t length = reader.number<std::uint32_t>();
    if (!reader.failed() && length == 0) return std::nullopt;
    if (reader.failed() || length < kReservationSize || bytes.size() < kHeader + kReservationSize)
        return makes_no_sense(device, "read reservation", bytes.size());
    const ReservationKey key{reader.number<std::uint64_t>()};
    const auto scope_and_type = byte_at(bytes, 21);
    // Of any scope but the whole logical unit nothing is known here.
    if (scope_and_type >> 4U != 0) return makes_no_sense(device, "read reservation", bytes.size());
    return Reservation{key, static_cast<ReservationType>(scope_and_type)};
}

Result<Capabilities> decode_capabilities(ByteView bytes, std::string_view device) {
    if (bytes.size() < 8 || byte_at(bytes, 0) != 0 || byte_at(bytes, 1) < 8)
        return makes_no_sense(device, "report capabilities", bytes.size());
    Capabilities capabilities;
    capabilities.keeps_through_power_loss = (byte_at(bytes, 2) & 0x01) != 0;
    // The type mask is valid (TMV): bit N of the first byte is type N, bit 0 of the second is type 8.
    if ((byte_at(bytes, 3) & 0x80) != 0)
        capabilities.types = static_cast<std::uint16_t>(byte_at(bytes, 4) | (byte_at(bytes, 5) & 0x01) << 8);
    return capabilities;
}

}  // namespace ssi::scsi
