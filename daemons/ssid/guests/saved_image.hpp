#pragma once
/// libvirt's managed save image of a guest on this member: the file that it starts the guest from as long as it is
/// there.

#include <filesystem>
#include <string>

#include "lib/common/error.hpp"
#include "lib/common/names.hpp"

namespace ssi::cluster {

/// What tells this image from any other, ever: inode, time and size. Empty: there is none. Error: kSystemFailed, it
/// cannot be told; also when `folder`, where libvirt keeps them, is not there.
[[nodiscard]] Result<std::string> saved_image(const std::filesystem::path& folder, const GuestName& guest);

}  // namespace ssi::cluster
