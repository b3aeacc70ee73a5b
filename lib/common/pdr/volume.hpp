#pragma once
/// A PDR volume: its label, and the blocks of the members.

#include <array>
#include <optional>
#include <string>

#include "lib/common/pdr/disk.hpp"
#include "lib/common/pdr/records.hpp"

namespace ssi::pdr {

/// Which cluster a volume is asked about.
struct ClusterIdentity {
    std::string name;
    ClusterId id{};
};

/// What lies at the beginning of a disk.
struct Inspection {
    std::optional<Label> label;  ///< Of a PDR volume, this cluster's or another's.
    ClusterId cluster{};         ///< With a label: whose.
    bool blank = false;          ///< The first 4 MiB are zeros.
    bool copy_damaged = false;   ///< The copy of the label cannot be read, or differs.
    bool label_damaged = false;  ///< The label itself: the copy was taken.
};
/// Errors: kPdrUnreadable; the disk is smaller than kLeastVolume.
[[nodiscard]] Result<Inspection> inspect(Disk& disk);

struct FormatOptions {
    bool force = false;  ///< Although it is not blank.
    std::uint64_t generation = 1;
    std::string contents = "";  ///< What is on it, as contents_of() says, for the refusal.
    std::int64_t now = 0;       ///< Seconds since 1970.
};
/// Writes a new label and empty blocks. Refused (kPdrForeign) when the disk is not blank, unless forced; the error says
/// what is there. The labels are written last: a format that was interrupted leaves no volume.
[[nodiscard]] Result<Label> format(Disk& disk, const ClusterIdentity& cluster, const FormatOptions& options);

/// The first half of that: refuses, or empties it. What it held before is lost.
[[nodiscard]] Result<void> make_blank(Disk& disk, const FormatOptions& options);
/// The second half: from here on it is a PDR volume.
[[nodiscard]] Result<Label> write_label(Disk& disk, const ClusterIdentity& cluster, const FormatOptions& options);

/// Checks that the volume is this cluster's, and was not moved. Errors: kPdrForeign, kPdrUnreadable.
[[nodiscard]] Result<Label> check_label(Disk& disk, const ClusterIdentity& cluster);
/// The label and its copy alone; blank: both are zeros. Error: kPdrUnreadable.
[[nodiscard]] Result<Inspection> read_label(Disk& disk);
/// Over both labels, the copy first: while the label itself is written, whoever reads takes the copy.
[[nodiscard]] Result<void> replace_label(Disk& disk, const ClusterId& cluster, const Label& label);

/// One slot as it was read.
struct SlotSign {
    std::uint64_t counter = 0;
    SlotRecord record;
    friend bool operator==(const SlotSign&, const SlotSign&) = default;
};
struct SlotReading {
    std::optional<SlotSign> sign;  ///< None: never written, or `fault`.
    std::optional<Error> fault;    ///< The block is torn, or another cluster's.
};
/// All slots, in one read; [0] is slot 1. Error: kPdrUnreadable.
[[nodiscard]] Result<std::array<SlotReading, kSlots>> read_slots(Disk& disk, const ClusterId& cluster);

/// Errors: kPdrUnwritable.
[[nodiscard]] Result<void> write_slot(Disk& disk, const ClusterId& cluster, MemberSlot slot, const SlotSign& sign);

}  // namespace ssi::pdr
