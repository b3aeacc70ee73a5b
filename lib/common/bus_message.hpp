#pragma once
/// sd-bus's objects with their owners, and its messages as text and Errors. Inner part of the Bus.

#include <systemd/sd-bus.h>

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/common/bus.hpp"
#include "lib/common/error.hpp"

namespace ssi::bus {

template <class T, T* (*unref)(T*)>
struct Unref {
    void operator()(T* object) const { unref(object); }
};
using Message = std::unique_ptr<sd_bus_message, Unref<sd_bus_message, sd_bus_message_unref>>;
using Slot = std::unique_ptr<sd_bus_slot, Unref<sd_bus_slot, sd_bus_slot_unref>>;
using Handle = std::unique_ptr<sd_bus, Unref<sd_bus, sd_bus_unref>>;

/// kDaemonUnreachable, with the text of what sd-bus returned.
[[nodiscard]] std::unexpected<Error> bus_failure(std::string_view what, std::string object, int negative_errno);

/// One argument of a basic type as text; none at the end of the message or before a container.
[[nodiscard]] std::optional<std::string> read_basic(sd_bus_message* message);
/// All arguments up to the first of no basic type.
[[nodiscard]] std::vector<std::string> read_all(sd_bus_message* message);

/// What a D-Bus error answer means to the caller of Bus::call.
[[nodiscard]] Error to_error(const sd_bus_error& error, const Bus::Target& target, std::string_view method);

/// The bus daemon itself, and how long it may take for an answer.
[[nodiscard]] Bus::Target bus_daemon();
inline constexpr std::chrono::seconds kBusDaemonTimeout{10};

}  // namespace ssi::bus
