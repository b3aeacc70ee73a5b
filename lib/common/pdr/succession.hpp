#pragma once
/// A PDR that moves to another volume (`ssictl pdr move`): the label of the old one names its successor, and from then
/// on it is worth nothing to anybody, also to those who have it open: no lease is renewed there, nothing is proved and
/// no lock is won. Nobody goes over to the successor by himself: that system.toml names it makes it the PDR.

#include "lib/common/pdr/volume.hpp"

namespace ssi::pdr {

/// Whether a volume that is open is still what was opened. A label that is damaged says nothing. Errors: kPdrForeign:
/// it was moved, emptied, formatted anew, or is another cluster's now; kPdrUnreadable.
[[nodiscard]] Result<void> check_current(Disk& disk, const ClusterId& cluster, const Label& opened);

/// Makes `to` ready: empty, and not yet a PDR. Errors: kPdrForeign: it is not blank and not forced, or is the PDR
/// `from` by another path; those of the disks.
[[nodiscard]] Result<void> prepare_successor(Disk& from, Disk& to, const ClusterIdentity& cluster,
                                             const FormatOptions& options);

/// After prepare_successor(): takes `from` out of use, and only then labels `to`, as the next generation. One that was
/// interrupted is finished by the same calls. Errors: kPdrForeign: `from` was moved elsewhere; those of the disks.
[[nodiscard]] Result<Label> move_volume(Disk& from, Disk& to, const ClusterIdentity& cluster,
                                        const FormatOptions& options);

}  // namespace ssi::pdr
