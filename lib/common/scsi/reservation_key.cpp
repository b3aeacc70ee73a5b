#include "lib/common/scsi/reservation_key.hpp"

#include <openssl/sha.h>

#include <array>
#include <format>
#include <utility>

namespace ssi::scsi {

KeyScheme::KeyScheme(std::string_view cluster_uuid) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(reinterpret_cast<const unsigned char*>(cluster_uuid.data()), cluster_uuid.size(), digest.data());
    cluster_ = std::uint32_t{digest[0]} << 24U | std::uint32_t{digest[1]} << 16U | std::uint32_t{digest[2]} << 8U |
               std::uint32_t{digest[3]};
}

ReservationKey KeyScheme::key(MemberSlot slot, Incarnation incarnation) const {
    return ReservationKey{std::uint64_t{cluster_} << 32U | static_cast<std::uint64_t>(slot.number()) << 24U |
                          key_part(incarnation)};
}

std::optional<KeyOwner> KeyScheme::owner(ReservationKey key) const {
    const auto number = std::to_underlying(key);
    const auto slot = MemberSlot::from(static_cast<int>(number >> 24U & 0xff));
    if (number >> 32U != cluster_ || !slot) return std::nullopt;
    return KeyOwner{*slot, static_cast<std::uint32_t>(number & 0xffffff)};
}

std::string text_of(ReservationKey key) {
    return std::format("0x{:016x}", std::to_underlying(key));
}

}  // namespace ssi::scsi
