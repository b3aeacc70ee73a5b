#pragma once
/// The entries of a file that was parsed without a fault. For the files of lib/common/config alone.

#include <toml.hpp>
#include <vector>

#include "lib/common/config/entries.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::config {

[[nodiscard]] std::vector<ConfigEntry> entries_of(const toml::value& root, const SystemConfig& config);

}  // namespace ssi::config
