#pragma once
/// The symbolic links by which etcd finds the sockets of the others (docs/architecture.md).

#include <filesystem>

#include "lib/common/error.hpp"

namespace ssi::cluster {

/// Makes `name` a link to `target`, in place of a link that was there. There is no moment without one: etcd may be
/// dialling. Error: kSystemFailed.
[[nodiscard]] Result<void> link_to(const std::filesystem::path& target, const std::filesystem::path& name);

}  // namespace ssi::cluster
