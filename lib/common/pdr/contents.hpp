#pragma once
/// What a disk holds that is about to be overwritten.

#include <filesystem>
#include <string>

#include "lib/common/error.hpp"

namespace ssi::pdr {

/// "ext4 file system 'data'", "gpt partition table", as libblkid finds it; empty when it finds nothing. Error:
/// kPdrUnreadable.
[[nodiscard]] Result<std::string> contents_of(const std::filesystem::path& disk);

}  // namespace ssi::pdr
