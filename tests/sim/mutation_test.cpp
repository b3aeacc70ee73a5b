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
    std::uint64_t step = 1;  ///< Only seeds that are multiples of it: those whose clusters can show it at all.
};

constexpr std::uint64_t kWithPdr = 2, kWithPdrWithoutAgents = 8, kWithWitness = 32,
                        kAloneWithoutAgents = 64;  ///< As sim_chance.cpp makes them.

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
    const auto step = GetParam().step;
    const auto seeds = environment_number("SSI_MUTATION_SEEDS", 20'000);
    for (auto seed = step; seed <= seeds; seed += step) {
        if (const auto found = found_by(seed)) {
            std::printf("%s: found by seed %llu: %s\n", GetParam().name, static_cast<unsigned long long>(seed),
                        found->c_str());
            return;
        }
    }
    ADD_FAILURE() << GetParam().name << " was not found in " << seeds << " seeds";
}

INSTANTIATE_TEST_SUITE_P(
    Mutation, Checker,
    testing::Values(Fault{Mutation::kSkipFreshRead, "skip_fresh_read", kWithPdr},
                    Fault{Mutation::kRenewAfterExpiry, "renew_after_expiry", kWithPdr},
                    Fault{Mutation::kRightBeforeCommit, "right_before_commit"},
                    Fault{Mutation::kIncarnationIgnored, "incarnation_ignored"},
                    Fault{Mutation::kUnarmedWatchdogAccepted, "unarmed_watchdog_accepted", kWithPdrWithoutAgents},
                    Fault{Mutation::kBrokenWatchdogTrusted, "broken_watchdog_trusted", kWithPdrWithoutAgents},
                    Fault{Mutation::kReleaseByNameAlone, "release_by_name_alone"},
                    Fault{Mutation::kReacquireDuringRelocation, "reacquire_during_relocation"},
                    Fault{Mutation::kRenewalFromCompletion, "renewal_from_completion", kWithPdr},
                    Fault{Mutation::kTimeoutTakenForFailure, "timeout_taken_for_failure"},
                    Fault{Mutation::kComparePeerStamp, "compare_peer_stamp"},
                    Fault{Mutation::kWitnessWithoutLock, "witness_without_lock", kWithWitness},
                    Fault{Mutation::kWitnessKeptByLinks, "witness_kept_by_links", kWithWitness},
                    Fault{Mutation::kLoneBeforeReadBack, "lone_before_read_back", kAloneWithoutAgents},
                    Fault{Mutation::kLoneForgottenByGuard, "lone_forgotten_by_guard", kAloneWithoutAgents},
                    Fault{Mutation::kTimeAgainstLone, "time_against_lone", kAloneWithoutAgents}),
    [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace ssi::sim
