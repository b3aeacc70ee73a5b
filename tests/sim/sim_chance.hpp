#pragma once
/// A cluster under chance: guests are started, paused, saved, restored, destroyed and moved on all members at once
/// while members lose power, freeze, leave, lose sight of each other and of the PDR, watchdogs break, ssids crash,
/// guards restart, fence agents and migrations fail, and commits time out.

#include <cstdint>
#include <string>
#include <vector>

#include "lib/common/names.hpp"

namespace ssi::sim {

/// What happened, counted: a simulation in which nothing happens proves nothing.
struct Totals {
    int starts = 0, refusals = 0, moves = 0, fences = 0, expiries = 0, resets = 0, lone_lapses = 0;
};

[[nodiscard]] GuestName guest_name(int number);

/// Plays one seed and heals everything in the end. Throws as soon as a rule is broken (Cluster::check); returns what is
/// not as it should be after the healing.
[[nodiscard]] std::vector<std::string> play_by_chance(std::uint64_t seed, Totals& totals);

}  // namespace ssi::sim
