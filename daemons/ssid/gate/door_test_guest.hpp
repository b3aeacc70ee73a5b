#pragma once
/// The guest that no cluster lets in.

#include <string_view>

namespace ssi::gate {

/// ssid lets libvirt try to start it, to see whether both doors are asked (guests/door_test). It has no disk, no
/// network and never a right; nobody else's guest can be started under this name.
inline constexpr std::string_view kDoorTestGuest = "ssi-door-test";

}  // namespace ssi::gate
