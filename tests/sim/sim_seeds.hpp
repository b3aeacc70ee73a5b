#pragma once
/// Which seeds a simulation runs, from the environment: SSI_SIM_SEEDS of them from SSI_SIM_FIRST on; SSI_SIM_LOG tells
/// more of each.

#include <gtest/gtest.h>

#include <cstdlib>
#include <exception>
#include <functional>
#include <string>

namespace ssi::sim {

inline std::uint64_t environment_number(const char* name, std::uint64_t otherwise) {
    const char* value = std::getenv(name);
    return value == nullptr ? otherwise : std::stoull(value);
}

inline std::uint64_t first_seed() {
    return environment_number("SSI_SIM_FIRST", 1);
}
inline std::uint64_t number_of_seeds() {
    return environment_number("SSI_SIM_SEEDS", 300);
}

/// Runs them, up to the first that throws or fails an assertion: that one is named. Returns how many were to run.
inline std::uint64_t for_each_seed(const std::function<void(std::uint64_t)>& run) {
    const auto first = first_seed();
    const auto seeds = number_of_seeds();
    for (auto seed = first; seed < first + seeds && !::testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        try {
            run(seed);
        } catch (const std::exception& violation) {
            ADD_FAILURE() << violation.what();
        }
    }
    return seeds;
}

}  // namespace ssi::sim
