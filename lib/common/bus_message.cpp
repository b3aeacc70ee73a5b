#include "lib/common/bus_message.hpp"

#include <cstdint>
#include <cstring>
#include <format>
#include <utility>

#include "lib/common/json_message.hpp"

namespace ssi::bus {

std::unexpected<Error> bus_failure(std::string_view what, std::string object, int negative_errno) {
    return failure(ErrorCode::kDaemonUnreachable, std::format("{}: {}", what, std::strerror(-negative_errno)),
                   std::move(object));
}

Bus::Target bus_daemon() {
    return {"org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"};
}

std::optional<std::string> read_basic(sd_bus_message* message) {
    char type = 0;
    if (sd_bus_message_peek_type(message, &type, nullptr) <= 0) return std::nullopt;
    union {
        const char* text;
        std::uint8_t byte;
        int boolean;
        std::int16_t int16;
        std::uint16_t uint16;
        std::int32_t int32;
        std::uint32_t uint32;
        std::int64_t int64;
        std::uint64_t uint64;
        double real;
    } value{};
    if (std::string_view("ybnqiuxtdsog").find(type) == std::string_view::npos) return std::nullopt;
    if (sd_bus_message_read_basic(message, type, &value) <= 0) return std::nullopt;
    switch (type) {
        case 'y':
            return std::to_string(value.byte);
        case 'b':
            return value.boolean != 0 ? "true" : "false";
        case 'n':
            return std::to_string(value.int16);
        case 'q':
            return std::to_string(value.uint16);
        case 'i':
            return std::to_string(value.int32);
        case 'u':
            return std::to_string(value.uint32);
        case 'x':
            return std::to_string(value.int64);
        case 't':
            return std::to_string(value.uint64);
        case 'd':
            return std::format("{}", value.real);
        default:
            return value.text;
    }
}

std::vector<std::string> read_all(sd_bus_message* message) {
    std::vector<std::string> arguments;
    while (auto argument = read_basic(message)) arguments.push_back(std::move(*argument));
    return arguments;
}

Error to_error(const sd_bus_error& error, const Bus::Target& target, std::string_view method) {
    const std::string_view name = error.name;
    const std::string_view message = error.message != nullptr ? error.message : "";
    if (name == Bus::kRefused) {
        auto refusal = json::parse(message, target.destination);
        return refusal ? json::to_error(*refusal) : refusal.error();
    }
    if (name == SD_BUS_ERROR_SERVICE_UNKNOWN || name == SD_BUS_ERROR_NAME_HAS_NO_OWNER)
        return {ErrorCode::kDaemonUnreachable, std::format("{} is not on the bus", target.destination),
                target.destination, ""};
    if (name == SD_BUS_ERROR_ACCESS_DENIED)
        return {ErrorCode::kDaemonUnreachable, std::format("the bus does not allow {}: {}", method, message),
                target.destination, "try it as root"};
    if (name == SD_BUS_ERROR_NO_REPLY || name == SD_BUS_ERROR_TIMEOUT || name == SD_BUS_ERROR_DISCONNECTED)
        return {ErrorCode::kDaemonUnreachable,
                std::format("{} did not answer {}, so whether it was done is not known: {}", target.destination, method,
                            message),
                target.destination, ""};
    return {ErrorCode::kProtocolViolated, std::format("{} failed: {} ({})", method, message, name), std::string(name),
            ""};
}

}  // namespace ssi::bus
