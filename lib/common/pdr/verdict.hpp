#pragma once
/// Verdict blocks: what a member has found out about others while it had no majority to decide with (SAFETY 6, 15).
/// Written by its ssid, read by every guard.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/common/pdr/volume.hpp"

namespace ssi::pdr {

/// By which proof a member is dead. The values are on the disk.
enum class ProofKind : std::uint8_t {
    kFenceAgent = 1,  ///< One confirmed that it is off (SAFETY 13 a).
    kOperator = 2,    ///< Said so (SAFETY 13 d).
};

/// About one life of one member. Void as soon as its slot has moved on from where it stood (SAFETY 14).
struct Verdict {
    MemberName member;
    Incarnation incarnation{};
    std::array<std::byte, 16> boot{};  ///< Of the machine, as its slot says.
    std::uint64_t counter = 0;         ///< Where its slot stood.
    std::uint64_t run = 0;             ///< The PDR lock's: what its holder has done since is not covered.
    ProofKind proof{};
    friend bool operator==(const Verdict&, const Verdict&) = default;
};

/// All that one member has recorded; none about a member twice.
using Verdicts = std::vector<Verdict>;

[[nodiscard]] Bytes encode(const Verdicts& verdicts);
/// Error: kPdrDamaged; `where` names the block.
[[nodiscard]] Result<Verdicts> decode_verdicts(ByteView payload, const std::string& where);

/// By writer; [0] is slot 1's.
struct VerdictReading {
    std::array<Verdicts, kSlots> by;
    std::optional<Error> fault;  ///< A block that is torn or not ours, which counts as empty.
};
/// In one read. Error: kPdrUnreadable.
[[nodiscard]] Result<VerdictReading> read_verdicts(Disk& disk, const ClusterId& cluster);
/// Replaces all that this member has recorded. Errors: kPdrUnreadable, kPdrUnwritable.
[[nodiscard]] Result<void> write_verdicts(Disk& disk, const ClusterId& cluster, MemberSlot own,
                                          const Verdicts& verdicts);

/// "a fence agent", "the operator".
[[nodiscard]] std::string_view text_of(ProofKind proof);

}  // namespace ssi::pdr
