#pragma once
/// One block of a PDR volume: an envelope that says whose it is and that all of it is there, and what is in it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "lib/common/bytes.hpp"
#include "lib/common/error.hpp"
#include "lib/common/names.hpp"
#include "lib/common/pdr/layout.hpp"

namespace ssi::pdr {

/// As O_DIRECT wants it in memory.
struct alignas(kBlockSize) Block {
    std::array<std::byte, kBlockSize> bytes{};
};

/// UUID of a cluster as 16 bytes.
using ClusterId = std::array<std::byte, 16>;
/// `uuid` in canonical text form, as SystemConfig has it.
[[nodiscard]] ClusterId cluster_id(const GuestUuid& uuid);
[[nodiscard]] std::string text_of(const ClusterId& cluster);

/// What every block says of itself.
struct Envelope {
    BlockKind kind{};
    ClusterId cluster{};
    int writer = 0;              ///< Slot of the only writer; 0: the label.
    std::uint64_t sequence = 0;  ///< Moved on by each write.
    friend bool operator==(const Envelope&, const Envelope&) = default;
};

/// The payload must not be longer than kMostPayload.
[[nodiscard]] Block seal(const Envelope& envelope, ByteView payload);
inline constexpr std::size_t kMostPayload = kBlockSize - 64;

/// Nothing but zeros: never written.
[[nodiscard]] bool is_blank(std::span<const std::byte> block);

/// Magic and checksum are right: it was written to its end, whatever it says.
[[nodiscard]] bool is_whole(std::span<const std::byte> block);

/// What a reader says of a block that makes no sense: kPdrDamaged. `where` names the block.
[[nodiscard]] std::unexpected<Error> damaged(const std::string& where,
                                             std::string_view what = "its fields make no sense");

struct Opened {
    Envelope envelope;
    ByteView payload;  ///< Points into the block.
};
/// Error kPdrDamaged: no block of a PDR, half written, or of a later version. `where` names it in the error. Whether it
/// is the right cluster's, kind and writer is for the caller to look at.
[[nodiscard]] Result<Opened> open(std::span<const std::byte> block, const std::string& where);

}  // namespace ssi::pdr
