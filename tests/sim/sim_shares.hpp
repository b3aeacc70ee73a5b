#pragma once
/// Shares seeds out among processes, one per core: the simulation itself is one thread.

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/sim_chance.hpp"

namespace ssi::sim {

/// What one process found in its share.
struct Share {
    Totals totals;
    std::string wrong;  ///< Of the first seed that went wrong; the rest of the share is not played then.
};

/// Plays the seeds from `first` on; of n processes, each plays its share. SSI_SIM_JOBS is n, else the number of cores.
/// With n = 1, or one seed, this process plays them itself: for a debugger.
[[nodiscard]] std::vector<Share> play_on_all_cores(std::uint64_t first, std::uint64_t seeds);

}  // namespace ssi::sim
