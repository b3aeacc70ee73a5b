#pragma once
/// Carries a scenario out, and judges what came of it.

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "tools/ssictl/drill/interruption.hpp"
#include "tools/ssictl/drill/record.hpp"
#include "tools/ssictl/drill/scenario.hpp"

namespace ssi::ctl {

struct DrillOutcome {
    DrillRecord record;
    std::string home;                   ///< Where the guest was at the beginning.
    std::vector<std::string> failures;  ///< Steps that did not end as they should, and what else was not expected.
    std::vector<std::string> late;      ///< Moments that came, but later than the scenario says.
    DrillTime began;

    [[nodiscard]] bool passed() const { return failures.empty() && record.violations().empty(); }
};

/// Whether it may begin: the cluster is whole and quiet, the guest runs, and this member is the right one. Returns the
/// guest's member. Errors: kUsage with what to do; those of the calls.
[[nodiscard]] Result<std::string> check_drill(Site& site, const Scenario& scenario, const std::string& guest);

/// The members that a role means.
[[nodiscard]] std::vector<std::string> members_of(DrillRole role, const Site& site, const std::string& home);

struct DrillListener {
    /// Told each line of the timeline as it comes.
    std::function<void(const std::string& line)> progress;
    /// Called before a step that takes the power of this member, too; what it keeps is for resume_drill(). An error is
    /// that of the step.
    std::function<Result<void>(std::size_t next_step, const Sight& before)> farewell;
};

/// From the first step to the last. A step that fails ends it, but for what ends its faults. Error: of the first look.
[[nodiscard]] Result<DrillOutcome> run_drill(Site& site, const Scenario& scenario, const std::string& guest,
                                             const DrillListener& listener);

/// Goes on with one that had taken the power of this member; the moments count from now. Error: kUsage (the scenario is
/// another one now).
[[nodiscard]] Result<DrillOutcome> resume_drill(Site& site, const Scenario& scenario, const Interruption& interruption,
                                                const DrillListener& listener);

}  // namespace ssi::ctl
