#pragma once
/// Where a guest may write to, by its domain XML.

#include <filesystem>
#include <span>
#include <string_view>

#include "lib/common/error.hpp"

namespace ssi::cluster {

/// Whether everything that this domain may write to lies on the volumes, which are whole disks: each disk that is not
/// read-only names one of them, or a partition of one (NAME-part1). What lies elsewhere, or in what nobody can tell by
/// the name (logical volumes, files, a passed-through device), is told in the Error (kFenceFailed). A device that is
/// not known here is taken for one that writes.
[[nodiscard]] Result<void> writes_only_to(std::string_view domain_xml, std::span<const std::filesystem::path> volumes);

}  // namespace ssi::cluster
