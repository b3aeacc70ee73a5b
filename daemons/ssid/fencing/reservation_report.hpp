#pragma once
/// What a volume's reservations mean for fencing a member, in words.

#include <string>

#include "daemons/ssid/fencing/reserved_volume.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::cluster {

struct VolumeReport {
    bool ok = false;   ///< The member could be stopped there.
    std::string says;  ///< Whose keys are registered, how it is reserved, and what is missing.
};

[[nodiscard]] VolumeReport report_volume(const VolumeFacts& facts, const SystemConfig& config,
                                         const MemberName& target);

}  // namespace ssi::cluster
