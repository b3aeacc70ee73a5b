#pragma once
/// A drill's scenario: faults in order, what has to come of them, and when. Files: tests/lab/drills/*.toml, installed
/// to /usr/share/ssi/drills; docs/drills.md has the keys.

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/common/error.hpp"

namespace ssi::ctl {

/// Whom a step concerns.
enum class DrillRole {
    kHome,    ///< The member on which the guest runs when the drill begins.
    kOther,   ///< The first member that is neither home nor the one on which the drill is run.
    kAll,     ///< Every member.
    kHalf,    ///< The first half of the members.
    kNobody,  ///< The step names no member.
};

struct DrillStep {
    enum class Kind { kInject, kHold, kAwait };
    Kind kind = Kind::kInject;
    std::string act;  ///< What is injected or awaited; one of kInjections, kAwaits.
    DrillRole at = DrillRole::kNobody;
    std::chrono::milliseconds time{};  ///< kHold: how long; kAwait: at most; kInject: between two of `times`.
    int times = 1;                     ///< kInject: so often.
};

/// The moments of a failover.
enum class DrillMoment { kDetection, kProof, kDecision, kRestart, kTick };
[[nodiscard]] std::string_view name_of(DrillMoment moment);

struct Scenario {
    std::string name;  ///< Of the file, without its ending.
    std::string title;
    std::string about;        ///< What is shown by it.
    bool lab = false;         ///< Needs faults that only the lab can make.
    bool here = false;        ///< To be run on the guest's own member: it is this one that suffers.
    std::size_t members = 2;  ///< At least so many.
    std::vector<DrillStep> steps;
    std::vector<DrillRole> down;  ///< Who is to be declared dead; nobody else may be.
    int restarts = 0;             ///< How often the guest is to begin anew.
    std::map<DrillMoment, std::chrono::milliseconds>
        timeline;  ///< At most so long after the first fault; timing.scale 1.
};

struct Injection {
    std::string_view name;
    bool lab = false;   ///< Only the lab can make it.
    bool here = false;  ///< Made on the member on which the drill is run.
};
[[nodiscard]] const std::vector<Injection>& injections();

/// Error: kConfigInvalid, with file, line and caret.
[[nodiscard]] Result<Scenario> parse_scenario(std::string_view text, const std::filesystem::path& file);

/// One of the directory by its name. Errors: kUsage when there is none; those of load_scenarios.
[[nodiscard]] Result<Scenario> find_scenario(const std::filesystem::path& directory, const std::string& name);

/// All files of the directory, by name. Errors: kConfigMissing, kConfigInvalid.
[[nodiscard]] Result<std::vector<Scenario>> load_scenarios(const std::filesystem::path& directory);

}  // namespace ssi::ctl
