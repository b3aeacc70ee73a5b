#pragma once
/// The 64-bit keys with which members register at volumes: they say whose they are.

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/common/names.hpp"

namespace ssi::scsi {

/// Never 0, which in SCSI means "none".
enum class ReservationKey : std::uint64_t {};

/// The low 24 bits of it: 16,777,216 admissions of one member later they come again.
[[nodiscard]] constexpr std::uint32_t key_part(Incarnation incarnation) {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(incarnation) & 0xffffff);
}

/// Whom a key names.
struct KeyOwner {
    MemberSlot slot;
    std::uint32_t incarnation = 0;  ///< key_part(); 0: of a boot that was not admitted yet.
    friend bool operator==(const KeyOwner&, const KeyOwner&) = default;
};

/// Makes and knows the keys of one cluster: 32 bits of the hash of its UUID, 8 bits of the slot, 24 bits of the
/// incarnation. A member that comes back has another key than the one it had when it was fenced.
class KeyScheme {
  public:
    explicit KeyScheme(std::string_view cluster_uuid);
    [[nodiscard]] ReservationKey key(MemberSlot slot, Incarnation incarnation) const;
    /// None: it is no key of this cluster.
    [[nodiscard]] std::optional<KeyOwner> owner(ReservationKey key) const;

  private:
    std::uint32_t cluster_;
};

/// "0x1a2b3c4d03000007".
[[nodiscard]] std::string text_of(ReservationKey key);

}  // namespace ssi::scsi
