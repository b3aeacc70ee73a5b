// Drills: what a scenario may say, and what the judge finds.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <format>
#include <mutex>
#include <set>

#include "tools/ssictl/drill/drill.hpp"
#include "tools/ssictl/drill/report.hpp"

namespace ssi::ctl {
namespace {

using namespace std::chrono_literals;

const std::string kHead = "title = \"t\"\nabout = \"a\"\n";

std::string refusal(const std::string& text) {
    const auto parsed = parse_scenario(text, "x.toml");
    return parsed ? "" : parsed.error().what;
}

TEST(Scenario, every_drill_of_ours_is_valid_and_says_what_it_expects) {
    const auto scenarios = load_scenarios(SSI_SOURCE_DIR "/tests/lab/drills");
    ASSERT_TRUE(scenarios) << scenarios.error().what;
    EXPECT_GE(scenarios->size(), 12U);
    for (const auto& scenario : *scenarios) {
        EXPECT_FALSE(scenario.steps.empty()) << scenario.name;
        EXPECT_TRUE(scenario.restarts == 0 || !scenario.down.empty())
            << scenario.name << ": a guest begins anew only when a member is dead";
    }
    EXPECT_TRUE(find_scenario(SSI_SOURCE_DIR "/tests/lab/drills", "power-cut"));
}

TEST(Scenario, what_cannot_be_carried_out_is_refused_with_its_line) {
    EXPECT_NE(refusal(kHead + "[[step]]\ninject = \"earthquake\"\n").find("x.toml:4"), std::string::npos);
    EXPECT_NE(refusal(kHead + "[[step]]\ninject = \"pause\"\nat = \"home\"\n").find("only the lab"), std::string::npos);
    EXPECT_NE(refusal(kHead + "[[step]]\ninject = \"crash-ssid\"\n").find("here = true"), std::string::npos);
    EXPECT_NE(refusal(kHead + "[[step]]\nawait = \"stable\"\n").find("within_s"), std::string::npos);
    EXPECT_NE(refusal(kHead + "[[step]]\nhold_s = 1\nawait = \"stable\"\n").find("one of"), std::string::npos);
    EXPECT_NE(refusal(kHead).find("no steps"), std::string::npos);
    EXPECT_EQ(refusal(kHead + "[[step]]\nhold_s = 1\n"), "");
}

/// Three members, all well; the guest runs on M1.
Sight well(DrillTime at) {
    Sight sight{at, "Stable", true, true, {}, "Running", "M1", "r1"};
    for (const auto* name : {"M1", "M2", "M3"}) sight.members[name] = {"Joined", "", 100ms, 100ms};
    return sight;
}

class Recording : public testing::Test {
  protected:
    Instance runs(const std::string& member, std::chrono::milliseconds asked, std::chrono::milliseconds told,
                  std::chrono::nanoseconds processor = 1ns) {
        return {member, zero_ + asked, zero_ + told, true, processor};
    }
    DrillTime zero_ = DrillTime::clock::now();
    DrillRecord record_{"g", {"M1"}, 500ms};
};

TEST_F(Recording, two_instances_at_the_same_time_break_R1) {
    record_.add(runs("M1", 0ms, 10ms));
    record_.add(runs("M2", 20ms, 30ms));
    EXPECT_TRUE(record_.violations().empty()) << "M1 may have ended in between";
    record_.add(runs("M1", 40ms, 50ms));
    record_.add(runs("M2", 60ms, 70ms));
    ASSERT_EQ(record_.violations().size(), 1U);
    EXPECT_TRUE(record_.violations()[0].starts_with("R1"));
}

TEST_F(Recording, one_instance_after_the_other_breaks_nothing_however_late_the_answers_come) {
    record_.add(runs("M1", 0ms, 10ms));
    record_.add(runs("M2", 2000ms, 2010ms));
    record_.add(runs("M2", 2200ms, 2210ms));
    record_.add({"M1", zero_ + 20ms, zero_ + 3000ms, false, {}});
    record_.add(runs("M2", 3200ms, 3210ms));
    EXPECT_TRUE(record_.violations().empty());
}

TEST_F(Recording, who_is_fenced_while_its_slot_moves_breaks_R4) {
    record_.add(well(zero_));
    record_.fault(zero_, "power-off");
    auto sight = well(zero_ + 1s);
    sight.members["M1"] = {"Joined", "being fenced by M2", 2000ms, 100ms};
    record_.add(sight);
    ASSERT_EQ(record_.violations().size(), 1U);
    EXPECT_TRUE(record_.violations()[0].starts_with("R4"));
}

TEST_F(Recording, who_dies_without_leave_of_the_scenario_is_told) {
    record_.add(well(zero_));
    record_.fault(zero_, "split");
    auto sight = well(zero_ + 1s);
    sight.members["M3"].state = "Down";
    record_.add(sight);
    EXPECT_EQ(record_.violations().size(), 1U);
}

TEST_F(Recording, the_moments_of_a_failover_are_found) {
    record_.add(well(zero_));
    record_.add(runs("M1", 0ms, 10ms));
    record_.fault(zero_ + 100ms, "power-off at M1");
    auto sight = well(zero_ + 2s);
    sight.members["M1"] = {"Joined", "being fenced by M2", 1900ms, 1900ms};
    record_.add(sight);
    sight.at = zero_ + 2200ms;
    sight.members["M1"] = {"Down", "fenced by M2 through ipmi", 2100ms, 2100ms};
    sight.phase = "Pending";
    sight.run = "";
    record_.add(sight);
    sight.at = zero_ + 2400ms;
    sight.phase = "Starting";
    sight.home = "M2";
    sight.run = "r2";
    record_.add(sight);
    record_.add(runs("M2", 2500ms, 2510ms, 5ns));
    record_.add(runs("M2", 2700ms, 2710ms, 9ns));
    EXPECT_TRUE(record_.violations().empty());
    EXPECT_EQ(record_.restarts(), 1);
    EXPECT_EQ(record_.moments().at(DrillMoment::kDetection), zero_ + 2s);
    EXPECT_EQ(record_.moments().at(DrillMoment::kDecision), zero_ + 2200ms);
    EXPECT_EQ(record_.moments().at(DrillMoment::kRestart), zero_ + 2400ms);
    EXPECT_EQ(record_.moments().at(DrillMoment::kTick), zero_ + 2710ms);
}

/// A cluster that does as it is told.
class FakeSite final : public Site {
  public:
    const std::string& cluster() const override { return cluster_; }
    const std::string& here() const override { return here_; }
    std::vector<std::string> members() const override { return {"M1", "M2", "M3"}; }
    bool is_lab() const override { return lab; }
    double timing_scale() const override { return 1; }
    Result<Sight> look(const std::string&) override {
        sight.at = DrillTime::clock::now();
        return sight;
    }
    Result<Instance> instance(const std::string& member, const std::string&) override {
        const std::lock_guard lock(mutex_);
        const auto now = DrillTime::clock::now();
        return Instance{member, now, now, member == runs_on_, std::chrono::nanoseconds(++processor_)};
    }
    Result<void> inject(const std::string& what, const std::vector<std::string>& at) override {
        injected.push_back(what);
        if (what == broken) return failure(ErrorCode::kSystemFailed, "it does not work");
        if (what == "power-off" && at == std::vector<std::string>{"M1"}) fail_over();
        if (what == "power-on") sight.members["M1"].state = "Joined";
        return {};
    }
    void fail_over() {
        sight.members["M1"] = {"Down", "fenced by M2 through ipmi", 2000ms, 2000ms};
        sight.home = "M2";
        sight.run = "r2";
        const std::lock_guard lock(mutex_);
        runs_on_ = "M2";
    }

    bool lab = true;
    std::string broken;
    Sight sight = well({});
    std::vector<std::string> injected;

  private:
    std::string cluster_ = "C";
    std::string here_ = "M3";
    std::mutex mutex_;
    std::string runs_on_ = "M1";
    int processor_ = 0;
};

Scenario scenario(const std::string& steps) {
    auto parsed = parse_scenario(kHead + "lab = true\n" + steps, "drill.toml");
    EXPECT_TRUE(parsed) << parsed.error().what;
    return *parsed;
}

const std::string kPowerCut = R"([[step]]
inject = "power-off"
at = "home"
[[step]]
await = "down"
at = "home"
within_s = 5
[[step]]
await = "guest-elsewhere"
within_s = 5
[[step]]
inject = "power-on"
at = "home"
[[step]]
await = "joined"
at = "all"
within_s = 5
[expect]
down = ["home"]
restarts = 1
[timeline]
decision = 4
tick = 5
)";

const std::string kAllAtOnce = R"([[step]]
inject = "power-off"
at = "all"
[[step]]
inject = "power-on"
at = "all"
[[step]]
await = "guest-anew"
within_s = 1
[expect]
down = ["all"]
restarts = 1
[timeline]
restart = 5
)";

const DrillListener kQuiet{
    [](const std::string&) {},
    [](std::size_t, const Sight&) { return failure(ErrorCode::kUsage, "it was not to end with its member"); }};

TEST(Drill, that_goes_as_expected_passes_and_has_a_report) {
    FakeSite site;
    const auto plan = scenario(kPowerCut);
    const auto outcome = run_drill(site, plan, "g", kQuiet);
    ASSERT_TRUE(outcome);
    const auto document = drill_document(site, plan, "g", *outcome);
    EXPECT_TRUE(outcome->passed()) << render_report(document).value();
    EXPECT_NE(render_report(document)->find("power-off at M1"), std::string::npos);
    EXPECT_NE(draw_timeline(document)->find("</svg>"), std::string::npos);
}

TEST(Drill, a_guest_that_begins_anew_unexpectedly_fails_it) {
    FakeSite site;
    const auto outcome = run_drill(site, scenario("[[step]]\ninject = \"power-off\"\nat = \"home\"\n"), "g", kQuiet);
    ASSERT_TRUE(outcome);
    EXPECT_FALSE(outcome->passed());
    EXPECT_FALSE(outcome->record.violations().empty()) << "nor might M1 be declared dead";
}

TEST(Drill, a_step_that_fails_ends_it_and_leaves_the_cluster_whole) {
    FakeSite site;
    site.broken = "pdr-fail";
    const auto outcome = run_drill(site, scenario(R"([[step]]
inject = "links-silent"
at = "home"
[[step]]
inject = "pdr-fail"
at = "all"
[[step]]
inject = "power-off"
at = "home"
[[step]]
inject = "links-heal"
)"),
                                   "g", kQuiet);
    ASSERT_TRUE(outcome);
    EXPECT_FALSE(outcome->passed());
    EXPECT_EQ(site.injected, (std::vector<std::string>{"links-silent", "pdr-fail", "links-heal"}));
}

TEST(Drill, that_ends_with_its_member_goes_on_when_that_is_up_again) {
    FakeSite site;
    site.broken = "power-off";  // here the program would end
    const auto plan = scenario(kAllAtOnce);
    const auto file = std::filesystem::path(testing::TempDir()) / "drill.json";
    const DrillListener listener{[](const std::string&) {},
                                 [&](std::size_t next_step, const Sight& before) {
                                     return keep({"/drills", plan.name, "g", "/reports", next_step, before}, file);
                                 }};
    ASSERT_TRUE(run_drill(site, plan, "g", listener));
    const auto kept = kept_interruption(file);
    ASSERT_TRUE(kept) << kept.error().text();
    EXPECT_EQ(kept->next_step, 1U);
    EXPECT_EQ(kept->report, "/reports");

    FakeSite after;
    after.sight.run = "r2";
    const auto outcome = resume_drill(after, plan, *kept, kQuiet);
    ASSERT_TRUE(outcome) << outcome.error().text();
    EXPECT_TRUE(outcome->passed()) << render_report(drill_document(after, plan, "g", *outcome)).value();
    EXPECT_EQ(after.injected, std::vector<std::string>{"power-on"});
    EXPECT_TRUE(forget_interruption(file));
    EXPECT_FALSE(kept_interruption(file)) << "it is over";

    FakeSite unchanged;  // the guest of before, as if nothing had been
    EXPECT_FALSE(resume_drill(unchanged, plan, *kept, kQuiet)->passed());
}

TEST(Drill, begins_only_where_and_when_it_can) {
    FakeSite site;
    const auto plan = scenario(kPowerCut);
    EXPECT_EQ(check_drill(site, plan, "g").value(), "M1");
    site.lab = false;
    EXPECT_FALSE(check_drill(site, plan, "g"));
    site.lab = true;
    site.sight.home = "M3";
    EXPECT_FALSE(check_drill(site, plan, "g")) << "it would cut its own power";
    site.sight.home = "M1";
    site.sight.members["M2"].state = "Down";
    EXPECT_FALSE(check_drill(site, plan, "g")) << "the cluster is not whole";
}

}  // namespace
}  // namespace ssi::ctl
