/// The checker is worth what it finds: each fault that is built into the decision code on purpose (mutation.hpp) must
/// be found within SSI_MUTATION_SEEDS seeds. It prints the seed and what was seen.

#include "lib/common/mutation.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <exception>
#include <optional>
#include <string>

#include "lib/common/log.hpp"
#include "tests/sim/sim_chance.hpp"
#include "tests/sim/sim_seeds.hpp"

namespace ssi::sim {
namespace {

struct Fault {
    Mutation mutation;
    const char* name;
};

/// Built in while it lives.
class Built {
  public:
    explicit Built(Mutation mutation) { active_mutation = mutation; }
    ~Built() { active_mutation = Mutation::kNone; }
    Built(const Built&) = delete;
    Built& operator=(const Built&) = delete;
};

std::optional<std::string> found_by(std::uint64_t seed) {
    Totals totals;
    try {
        const auto wrong = play_by_chance(seed, totals);
        return wrong.empty() ? std::nullopt : std::optional(wrong.front());
    } catch (const std::exception& violation) {
        return violation.what();
    }
}

class Checker : public testing::TestWithParam<Fault> {};

TEST_P(Checker, finds_the_fault) {
    log::set_level(log::Level{0});
    const Built fault(GetParam().mutation);
    const auto seeds = environment_number("SSI_MUTATION_SEEDS", 400);
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        if (const auto found = found_by(seed)) {
            std::printf("%s: found by seed %llu: %s\n", GetParam().name, static_cast<unsigned long long>(seed),
                        found->c_str());
            return;
        }
    }
    ADD_FAILURE() << GetParam().name << " was not found in " << seeds << " seeds";
}

INSTANTIATE_TEST_SUITE_P(Mutation, Checker,
                         testing::Values(Fault{Mutation::kSkipFreshRead, "skip_fresh_read"},
                                         Fault{Mutation::kRenewAfterExpiry, "renew_after_expiry"},
                                         Fault{Mutation::kRightBeforeCommit, "right_before_commit"},
                                         Fault{Mutation::kIncarnationIgnored, "incarnation_ignored"},
                                         Fault{Mutation::kUnarmedWatchdogAccepted, "unarmed_watchdog_accepted"},
                                         Fault{Mutation::kBrokenWatchdogTrusted, "broken_watchdog_trusted"},
                                         Fault{Mutation::kReleaseByNameAlone, "release_by_name_alone"},
                                         Fault{Mutation::kReacquireDuringRelocation, "reacquire_during_relocation"},
                                         Fault{Mutation::kRenewalFromCompletion, "renewal_from_completion"}),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace ssi::sim
