#pragma once
/// DirectoryAdministration as methods of org.kvmssi.Ssid1.

#include <vector>

#include "daemons/ssid/api/directory_administration.hpp"
#include "lib/common/bus.hpp"

namespace ssi::cluster {

/// It must outlive the bus.
[[nodiscard]] std::vector<Bus::Method> directory_methods(DirectoryAdministration& directory);

}  // namespace ssi::cluster
