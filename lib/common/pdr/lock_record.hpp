#pragma once
/// What the PDR lock decides, and what a member's lock block says of its part in the decision (SAFETY 16).

#include <cstdint>
#include <optional>
#include <string>

#include "lib/common/bytes.hpp"
#include "lib/common/error.hpp"
#include "lib/common/names.hpp"

namespace ssi::pdr {

/// One life of a member.
struct LockParty {
    MemberSlot slot;
    MemberName member;
    Incarnation incarnation{};
    friend bool operator==(const LockParty&, const LockParty&) = default;
};

/// The intent to fence without a majority (SAFETY 14).
struct FencingIntent {
    LockParty by;
    LockParty target;
    friend bool operator==(const FencingIntent&, const FencingIntent&) = default;
};

/// The whole state of the lock. Every change of it, a release too, is the next generation.
struct LockRecord {
    std::uint64_t generation = 0;        ///< 0: nothing was ever decided.
    std::optional<LockParty> witness{};  ///< Who alone may run the witness; none: it is free.
    std::optional<MemberSlot> data{};    ///< Whose area holds the witness's data: at first nobody's; the holder's only
                                         ///< after it has copied them (SAFETY 17).
    std::optional<FencingIntent> fencing{};  ///< Open while it is there.
    std::uint64_t run = 0;  ///< Moved on by the holder with its claim and before each start of the witness: what others
                            ///< have concluded from its silence before that is no longer true.
    friend bool operator==(const LockRecord&, const LockRecord&) = default;
};

/// A member's part: its promise and vote in the decision of one generation, and the last decision it knows.
struct LockBlock {
    std::uint64_t instance = 0;  ///< The generation that `promised`, `accepted` and `proposal` are about.
    std::uint64_t promised = 0;  ///< Highest ballot that this member began ("mbal").
    std::uint64_t accepted = 0;  ///< Ballot with which it proposed `proposal` ("bal"); 0: none.
    LockRecord proposal{};       ///< With `accepted`: of generation `instance`.
    LockRecord decided{};        ///< Of generation `instance` or of the one before it.
    friend bool operator==(const LockBlock&, const LockBlock&) = default;
};

/// Ballots of different slots are never the same: round * 256 + slot.
[[nodiscard]] constexpr std::uint64_t ballot_of(std::uint64_t round, MemberSlot slot) {
    return round << 8 | static_cast<std::uint64_t>(slot.number());
}
[[nodiscard]] constexpr std::uint64_t round_of(std::uint64_t ballot) {
    return ballot >> 8;
}
[[nodiscard]] constexpr int slot_of(std::uint64_t ballot) {
    return static_cast<int>(ballot & 0xff);
}

[[nodiscard]] Bytes encode(const LockBlock& block);
/// Error: kPdrDamaged; `where` names the block. What is returned keeps the rules stated above.
[[nodiscard]] Result<LockBlock> decode_lock(ByteView payload, const std::string& where);

/// "generation 5: the witness is at MEMBER1 (incarnation 3), its data in area 1".
[[nodiscard]] std::string text_of(const LockRecord& record);

}  // namespace ssi::pdr
