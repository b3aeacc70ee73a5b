#include "tools/ssictl/drill/drill.hpp"

#include <algorithm>
#include <format>
#include <set>
#include <thread>
#include <utility>

#include "tools/ssictl/drill/instance_watch.hpp"

namespace ssi::ctl {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr auto kInterval = 100ms;
constexpr milliseconds kBeat(500);  // of system.toml's defaults, at scale 1

milliseconds scaled(milliseconds time, double scale) {
    return std::chrono::duration_cast<milliseconds>(time * std::max(1.0, scale));
}

std::string listed(const std::vector<std::string>& names) {
    std::string list;
    for (const auto& name : names) list += std::format("{}{}", list.empty() ? "" : ", ", name);
    return list;
}

/// What ends a fault: done also after a step that failed, so that the cluster is left whole.
bool is_ending(const DrillStep& step) {
    return step.kind == DrillStep::Kind::kInject && (step.act.ends_with("-heal") || step.act.ends_with("-on") ||
                                                     step.act.ends_with("-free") || step.act == "resume");
}

std::unexpected<Error> not_now(std::string what, std::string remedy) {
    return failure(ErrorCode::kUsage, std::move(what), "", std::move(remedy));
}

class Conduct {
  public:
    Conduct(Site& site, const Scenario& scenario, const std::string& guest, DrillOutcome& outcome,
            const DrillListener& listener)
        : site_(site),
          scenario_(scenario),
          guest_(guest),
          outcome_(outcome),
          listener_(listener),
          watch_(site, guest) {}

    void run(std::size_t first_step) {
        look();  // what was before the first fault
        bool failed = false;
        for (std::size_t i = first_step; i < scenario_.steps.size(); ++i) {
            const auto& step = scenario_.steps[i];
            if (failed && !is_ending(step)) continue;
            auto wrong = is_farewell(step) ? say_farewell(i + 1) : std::string();
            if (wrong.empty()) wrong = carry_out(step);
            if (!wrong.empty()) {
                outcome_.failures.push_back(std::format("step {}: {}", i + 1, wrong));
                failed = true;
            }
        }
        look();
    }

  private:
    /// The drill ends with its own member, and is to be resumed.
    bool is_farewell(const DrillStep& step) const {
        const auto at = members_of(step.at, site_, outcome_.home);
        return step.kind == DrillStep::Kind::kInject && step.act == "power-off" &&
               std::ranges::find(at, site_.here()) != at.end();
    }

    std::string say_farewell(std::size_t next_step) {
        const auto& before = outcome_.record.last();
        if (!before) return "ssid of this member does not answer";
        const auto said = listener_.farewell(next_step, *before);
        if (!said) return said.error().text();
        listener_.progress("this member's power goes, too; when it is up again: ssictl drill resume");
        return {};
    }

    /// Empty: as it should be.
    std::string carry_out(const DrillStep& step) {
        const auto time = scaled(step.time, site_.timing_scale());
        if (step.kind == DrillStep::Kind::kInject) return inject(step);
        const auto end = DrillTime::clock::now() + time;
        while (true) {
            look();
            if (step.kind == DrillStep::Kind::kAwait && is_so(step)) return {};
            if (DrillTime::clock::now() >= end) break;
            std::this_thread::sleep_for(kInterval);
        }
        if (step.kind == DrillStep::Kind::kHold) return {};
        return std::format("waited {} for {}", std::chrono::duration_cast<std::chrono::seconds>(time), described(step));
    }

    std::string inject(const DrillStep& step) {
        const auto at = members_of(step.at, site_, outcome_.home);
        for (int i = 0; i < step.times; ++i) {
            if (i > 0) hold(step.time);
            outcome_.record.fault(DrillTime::clock::now(), described(step));
            if (auto done = site_.inject(step.act, at); !done) return done.error().text();
            look();
        }
        return {};
    }

    void hold(milliseconds time) {
        const auto end = DrillTime::clock::now() + time;
        while (DrillTime::clock::now() < end) {
            look();
            std::this_thread::sleep_for(kInterval);
        }
    }

    std::string described(const DrillStep& step) const {
        const auto at = listed(members_of(step.at, site_, outcome_.home));
        return at.empty() ? step.act : std::format("{} at {}", step.act, at);
    }

    void look() {
        for (const auto& instance : watch_.take()) outcome_.record.add(instance);
        // This member's own ssid may be what suffers: no answer is no finding.
        if (const auto sight = site_.look(guest_)) outcome_.record.add(*sight);
        const auto& notes = outcome_.record.notes();
        for (; told_ < notes.size(); ++told_)
            listener_.progress(std::format("{:8.2f} s  {}",
                                           std::chrono::duration<double>(notes[told_].at - outcome_.began).count(),
                                           notes[told_].text));
    }

    bool is_so(const DrillStep& step) const {
        const auto& sight = outcome_.record.last();
        if (!sight || DrillTime::clock::now() - sight->at > 2s) return false;
        const auto& moments = outcome_.record.moments();
        if (step.act == "stable") return sight->majority && sight->mode == "Stable";
        if (step.act == "safe") return !sight->majority;
        if (step.act == "guest-anew") return sight->phase == "Running" && outcome_.record.restarts() > 0;
        if (step.act == "guest-home") return sight->phase == "Running" && sight->home == outcome_.home;
        if (step.act == "guest-elsewhere")
            return sight->phase == "Running" && sight->home != outcome_.home && moments.contains(DrillMoment::kTick);
        const auto wanted = step.act == "down" ? "Down" : "Joined";
        return std::ranges::all_of(members_of(step.at, site_, outcome_.home), [&](const auto& name) {
            const auto found = sight->members.find(name);
            return found != sight->members.end() && found->second.state == wanted;
        });
    }

    Site& site_;
    const Scenario& scenario_;
    const std::string& guest_;
    DrillOutcome& outcome_;
    const DrillListener& listener_;
    InstanceWatch watch_;
    std::size_t told_ = 0;
};

void judge(const Site& site, const Scenario& scenario, DrillOutcome& outcome) {
    const auto& record = outcome.record;
    if (record.restarts() != scenario.restarts)
        outcome.failures.push_back(
            std::format("the guest began anew {} times instead of {}", record.restarts(), scenario.restarts));
    for (const auto& [moment, limit] : scenario.timeline) {
        const auto found = record.moments().find(moment);
        if (found == record.moments().end()) {
            outcome.failures.push_back(std::format("{} was not seen", name_of(moment)));
            continue;
        }
        const auto took = std::chrono::duration_cast<milliseconds>(found->second - *record.first_fault());
        if (took > scaled(limit, site.timing_scale()))
            outcome.late.push_back(
                std::format("{} after {} instead of {}", name_of(moment), took, scaled(limit, site.timing_scale())));
    }
}

DrillOutcome begun(const Site& site, const Scenario& scenario, const std::string& guest, const std::string& home) {
    std::set<std::string> down;
    for (const auto role : scenario.down)
        for (auto& name : members_of(role, site, home)) down.insert(std::move(name));
    return {{guest, std::move(down), scaled(kBeat, site.timing_scale())}, home, {}, {}, DrillTime::clock::now()};
}

}  // namespace

std::vector<std::string> members_of(DrillRole role, const Site& site, const std::string& home) {
    const auto all = site.members();
    switch (role) {
        case DrillRole::kHome:
            return {home};
        case DrillRole::kOther:
            for (const auto& name : all)
                if (name != home && name != site.here()) return {name};
            return {};
        case DrillRole::kAll:
            return all;
        case DrillRole::kHalf:
            return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2)};
        case DrillRole::kNobody:
            break;
    }
    return {};
}

Result<std::string> check_drill(Site& site, const Scenario& scenario, const std::string& guest) {
    if (scenario.lab && !site.is_lab())
        return not_now(std::format("only the lab can make the faults of {}", scenario.name),
                       "docs/lab.md; try another");
    if (site.members().size() < scenario.members)
        return not_now(std::format("{} needs {} members", scenario.name, scenario.members), "ssictl query ssi");
    const auto sight = site.look(guest);
    if (!sight) return std::unexpected(sight.error());
    if (!sight->majority || sight->mode != "Stable")
        return not_now(std::format("the cluster is {}", sight->majority ? sight->mode : "without a majority"),
                       "a drill begins when it is Stable: ssictl query ssi");
    for (const auto& [name, member] : sight->members)
        if (member.state != "Joined")
            return not_now(std::format("{} is {}", name, member.state), "a drill begins when every member is Joined");
    if (sight->phase != "Running")
        return not_now(std::format("guest {} is {}", guest, sight->phase), "ssictl guest start " + guest);
    if (scenario.here && sight->home != site.here())
        return not_now(std::format("{} happens to the member on which it is run, and guest {} is on {}", scenario.name,
                                   guest, sight->home),
                       "run it on " + sight->home);
    if (!scenario.here && sight->home == site.here())
        return not_now(std::format("{} happens to {}, on which it would be run", scenario.name, sight->home),
                       "run it on another member");
    return sight->home;
}

Result<DrillOutcome> run_drill(Site& site, const Scenario& scenario, const std::string& guest,
                               const DrillListener& listener) {
    const auto home = check_drill(site, scenario, guest);
    if (!home) return std::unexpected(home.error());
    auto outcome = begun(site, scenario, guest, *home);
    Conduct(site, scenario, guest, outcome, listener).run(0);
    judge(site, scenario, outcome);
    return outcome;
}

Result<DrillOutcome> resume_drill(Site& site, const Scenario& scenario, const Interruption& interruption,
                                  const DrillListener& listener) {
    if (interruption.next_step == 0 || interruption.next_step > scenario.steps.size())
        return not_now(std::format("{} is another drill now than the one that was interrupted", scenario.name),
                       "run it anew: ssictl drill run " + scenario.name);
    auto before = interruption.before;
    auto outcome = begun(site, scenario, interruption.guest, before.home);
    before.at = outcome.began;
    outcome.record.add(before);
    outcome.record.fault(outcome.began, "this member is up again after its power cut");
    Conduct(site, scenario, interruption.guest, outcome, listener).run(interruption.next_step);
    judge(site, scenario, outcome);
    return outcome;
}

}  // namespace ssi::ctl
