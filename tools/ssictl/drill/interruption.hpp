#pragma once
/// A drill that takes the power of its own member, too, goes on when that is up again: `ssictl drill resume`.

#include <cstddef>
#include <filesystem>
#include <string>

#include "lib/common/error.hpp"
#include "tools/ssictl/drill/site.hpp"

namespace ssi::ctl {

/// What it has to know then.
struct Interruption {
    std::filesystem::path directory;  ///< Where its scenario lies.
    std::string drill;
    std::string guest;
    std::filesystem::path report;  ///< Directory; empty: none is written.
    std::size_t next_step = 0;
    Sight before;  ///< The last one; of its members only who there is: they were all Joined.
};

inline constexpr auto kInterruptedDrill = "/var/lib/ssi/drill.json";

/// Durably. Error: kSystemFailed.
[[nodiscard]] Result<void> keep(const Interruption& interruption, const std::filesystem::path& file);
/// Errors: kUsage (no drill was interrupted), kProtocolViolated, kSystemFailed.
[[nodiscard]] Result<Interruption> kept_interruption(const std::filesystem::path& file);
/// No effect when there is none. Error: kSystemFailed.
[[nodiscard]] Result<void> forget_interruption(const std::filesystem::path& file);

}  // namespace ssi::ctl
