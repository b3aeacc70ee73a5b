#include "lib/common/pdr/records.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace ssi::pdr {
namespace {

enum SlotFlag : std::uint32_t {
    kArmed = 1 << 0,
    kLone = 1 << 1,
    kSsidOk = 1 << 2,
    kEngineOk = 1 << 3,
    kWitnessServing = 1 << 4,
    kDown = 1 << 5,
};

std::uint32_t flags_of(const SlotRecord& slot) {
    std::uint32_t flags = 0;
    const auto put = [&](bool value, SlotFlag flag) {
        if (value) flags |= flag;
    };
    put(slot.armed, kArmed);
    put(slot.lone, kLone);
    put(slot.ssid_ok, kSsidOk);
    put(slot.engine_ok, kEngineOk);
    put(slot.witness_serving, kWitnessServing);
    put(slot.down, kDown);
    return flags;
}

}  // namespace

Bytes encode(const Label& label) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.text(label.cluster);
    writer.number(label.volume_size);
    writer.number(static_cast<std::uint32_t>(label.witness_areas));
    writer.number(label.generation);
    writer.number(static_cast<std::uint64_t>(label.formatted_at));
    writer.text(label.moved_to);
    writer.number(label.volume);
    return bytes;
}

Result<Label> decode_label(ByteView payload, const std::string& where) {
    ByteReader reader(payload);
    Label label;
    label.cluster = reader.text();
    label.volume_size = reader.number<std::uint64_t>();
    label.witness_areas = static_cast<int>(std::min<std::uint32_t>(reader.number<std::uint32_t>(), 32));
    label.generation = reader.number<std::uint64_t>();
    label.formatted_at = static_cast<std::int64_t>(reader.number<std::uint64_t>());
    if (reader.left() > 0) {  // later fields
        label.moved_to = reader.text();
        label.volume = reader.number<std::uint64_t>();
    }
    if (reader.failed() || !MemberName::parse(label.cluster)) return damaged(where);
    return label;
}

Bytes encode(const SlotRecord& slot) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.text(slot.member.str());
    writer.number(std::to_underlying(slot.incarnation));
    bytes.insert(bytes.end(), slot.boot.begin(), slot.boot.end());
    writer.number(static_cast<std::uint32_t>(slot.lease.count()));
    writer.number(static_cast<std::uint32_t>(slot.watchdog.count()));
    writer.number(std::to_underlying(slot.watchdog_kind));
    writer.number(flags_of(slot));
    return bytes;
}

Result<SlotRecord> decode_slot(ByteView payload, const std::string& where) {
    ByteReader reader(payload);
    SlotRecord slot;
    auto member = MemberName::parse(reader.text());
    slot.incarnation = Incarnation{reader.number<std::uint64_t>()};
    for (auto& byte : slot.boot) byte = std::byte{reader.number<std::uint8_t>()};
    slot.lease = std::chrono::milliseconds(reader.number<std::uint32_t>());
    slot.watchdog = std::chrono::milliseconds(reader.number<std::uint32_t>());
    const auto kind = reader.number<std::uint8_t>();
    const auto flags = reader.number<std::uint32_t>();
    if (reader.failed() || !member) return damaged(where);
    slot.member = *std::move(member);
    // A kind of watchdog that is not known here proves nothing.
    slot.watchdog_kind = kind <= std::to_underlying(WatchdogKind::kHardware) ? WatchdogKind{kind} : WatchdogKind::kNone;
    slot.armed = (flags & kArmed) != 0;
    slot.lone = (flags & kLone) != 0;
    slot.ssid_ok = (flags & kSsidOk) != 0;
    slot.engine_ok = (flags & kEngineOk) != 0;
    slot.witness_serving = (flags & kWitnessServing) != 0;
    slot.down = (flags & kDown) != 0;
    return slot;
}

std::string_view text_of(WatchdogKind kind) {
    switch (kind) {
        case WatchdogKind::kSoft:
            return "soft";
        case WatchdogKind::kHardware:
            return "hardware";
        case WatchdogKind::kNone:
            break;
    }
    return "none";
}

}  // namespace ssi::pdr
