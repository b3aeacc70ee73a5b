#include "tools/ssictl/drill/scenario.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <format>
#include <initializer_list>
#include <toml.hpp>
#include <utility>

#include "lib/common/plain_text.hpp"
#include "lib/common/text_file.hpp"
#include "lib/common/toml_nesting.hpp"

namespace ssi::ctl {
namespace {

struct ScenarioFault {
    std::string diagnostic;
};

constexpr std::array kMoments{std::pair{DrillMoment::kDetection, "detection"}, std::pair{DrillMoment::kProof, "proof"},
                              std::pair{DrillMoment::kDecision, "decision"},
                              std::pair{DrillMoment::kRestart, "restart"}, std::pair{DrillMoment::kTick, "tick"}};
constexpr std::array kRoles{std::pair{"home", DrillRole::kHome}, std::pair{"other", DrillRole::kOther},
                            std::pair{"all", DrillRole::kAll}, std::pair{"half", DrillRole::kHalf}};
constexpr std::array<std::string_view, 7> kAwaits{"joined", "down", "guest-elsewhere", "guest-home", "guest-anew",
                                                  "stable", "safe"};

[[noreturn]] void fault(const toml::value& where, const std::string& what, const std::string& remedy) {
    const auto& at = where.location();
    throw ScenarioFault{std::format("{}:{}:{}: {}", at.file_name(), at.first_line_number(), at.first_column_number(),
                                    toml::format_error("", toml::make_error_info(what, where, remedy)))};
}

void only_keys(const toml::value& table, std::initializer_list<std::string_view> allowed) {
    if (!table.is_table()) fault(table, "this must be a table", "write [...]");
    for (const auto& [key, value] : table.as_table())
        if (std::ranges::find(allowed, key) == allowed.end())
            fault(value, std::format("unknown key '{}'", key), "docs/drills.md has the keys");
}

std::string text(const toml::value& value) {
    if (!value.is_string() || !is_plain_text(value.as_string()))
        fault(value, "this must be text of one line", "write it in quotes");
    return value.as_string();
}

std::string required_text(const toml::value& table, const char* key) {
    if (!table.contains(key)) fault(table, std::format("'{}' is missing", key), std::format("add {} = \"...\"", key));
    return text(table.at(key));
}

bool flag(const toml::value& table, const char* key) {
    if (!table.contains(key)) return false;
    if (!table.at(key).is_boolean()) fault(table.at(key), "this must be true or false", "write true or false");
    return table.at(key).as_boolean();
}

int count(const toml::value& table, const char* key, int otherwise, int most) {
    if (!table.contains(key)) return otherwise;
    const auto& value = table.at(key);
    if (!value.is_integer() || value.as_integer() < 0 || value.as_integer() > most)
        fault(value, "number out of range", std::format("use 0 to {}", most));
    return static_cast<int>(value.as_integer());
}

std::chrono::milliseconds seconds(const toml::value& value) {
    if (!value.is_floating() && !value.is_integer()) fault(value, "this must be a number", "write seconds");
    const double number = value.is_integer() ? static_cast<double>(value.as_integer()) : value.as_floating();
    if (!(number >= 0.1 && number <= 3600)) fault(value, "number out of range", "use 0.1 to 3600 seconds");
    return std::chrono::milliseconds(std::llround(number * 1000));
}

DrillRole role(const toml::value& value) {
    const auto name = text(value);
    for (const auto& [known, meant] : kRoles)
        if (name == known) return meant;
    fault(value, std::format("'{}' is no role", name), "use home, other, half or all");
}

DrillStep parse_step(const toml::value& table) {
    only_keys(table, {"inject", "hold_s", "await", "at", "within_s", "times", "every_s"});
    if (table.contains("inject") + table.contains("hold_s") + table.contains("await") != 1)
        fault(table, "a step is one of inject, hold_s and await", "make a step of each");
    DrillStep step;
    if (table.contains("at")) step.at = role(table.at("at"));
    if (table.contains("hold_s")) {
        step.kind = DrillStep::Kind::kHold;
        step.time = seconds(table.at("hold_s"));
    } else if (table.contains("await")) {
        step.kind = DrillStep::Kind::kAwait;
        step.act = text(table.at("await"));
        if (std::ranges::find(kAwaits, step.act) == kAwaits.end())
            fault(table.at("await"), std::format("nobody knows how to await '{}'", step.act), "docs/drills.md has all");
        if (!table.contains("within_s")) fault(table, "'within_s' is missing", "every wait has an end");
        step.time = seconds(table.at("within_s"));
    } else {
        step.act = text(table.at("inject"));
        if (std::ranges::find(injections(), step.act, &Injection::name) == injections().end())
            fault(table.at("inject"), std::format("nobody knows how to inject '{}'", step.act),
                  "docs/drills.md has all");
        step.times = count(table, "times", 1, 100);
        if (table.contains("every_s")) step.time = seconds(table.at("every_s"));
    }
    return step;
}

void check_places(const toml::value& root, const Scenario& scenario) {
    for (const auto& step : scenario.steps) {
        if (step.kind != DrillStep::Kind::kInject) continue;
        const auto known = std::ranges::find(injections(), step.act, &Injection::name);
        if (known->lab && !scenario.lab)
            fault(root, std::format("only the lab can make '{}'", step.act), "add lab = true");
        if (known->here && !scenario.here)
            fault(root, std::format("'{}' happens where the drill is run", step.act), "add here = true");
    }
}

Scenario parse(const toml::value& root, const std::filesystem::path& file) {
    only_keys(root, {"title", "about", "lab", "here", "members", "step", "expect", "timeline"});
    Scenario scenario;
    scenario.name = file.stem().string();
    scenario.title = required_text(root, "title");
    scenario.about = required_text(root, "about");
    scenario.lab = flag(root, "lab");
    scenario.here = flag(root, "here");
    scenario.members = static_cast<std::size_t>(count(root, "members", 2, 32));
    if (!root.contains("step") || !root.at("step").is_array()) fault(root, "there are no steps", "add [[step]]");
    for (const auto& step : root.at("step").as_array()) scenario.steps.push_back(parse_step(step));
    if (root.contains("expect")) {
        const auto& expect = root.at("expect");
        only_keys(expect, {"down", "restarts"});
        scenario.restarts = count(expect, "restarts", 0, 100);
        if (expect.contains("down")) {
            if (!expect.at("down").is_array()) fault(expect.at("down"), "this must be a list", "write [\"home\"]");
            for (const auto& who : expect.at("down").as_array()) scenario.down.push_back(role(who));
        }
    }
    if (root.contains("timeline")) {
        const auto& timeline = root.at("timeline");
        only_keys(timeline, {"detection", "proof", "decision", "restart", "tick"});
        for (const auto& [moment, name] : kMoments)
            if (timeline.contains(name)) scenario.timeline[moment] = seconds(timeline.at(name));
    }
    check_places(root, scenario);
    return scenario;
}

std::unexpected<Error> invalid(std::string what, const std::filesystem::path& file) {
    return failure(ErrorCode::kConfigInvalid, std::move(what), file.string(), "docs/drills.md has the keys");
}

}  // namespace

std::string_view name_of(DrillMoment moment) {
    return std::ranges::find(kMoments, moment, [](const auto& known) { return known.first; })->second;
}

const std::vector<Injection>& injections() {
    static const std::vector<Injection> all{{"power-off"},
                                            {"power-on"},
                                            {"crash-ssid", false, true},
                                            {"crash-isfcd", false, true},
                                            {"links-off", false, true},
                                            {"links-on", false, true},
                                            {"pause", true},
                                            {"resume", true},
                                            {"links-cut", true},
                                            {"links-silent", true},
                                            {"links-deaf", true},
                                            {"split", true},
                                            {"links-heal", true},
                                            {"pdr-fail", true},
                                            {"pdr-hang", true},
                                            {"pdr-heal", true},
                                            {"fence-fail", true},
                                            {"fence-heal", true},
                                            {"watchdog-fail", true},
                                            {"watchdog-heal", true},
                                            {"disk-full", true},
                                            {"disk-free", true}};
    return all;
}

Result<Scenario> parse_scenario(std::string_view content, const std::filesystem::path& file) try {
    if (auto flat = check_toml_nesting(content, file.string()); !flat) return std::unexpected(flat.error());
    const std::vector<unsigned char> bytes(content.begin(), content.end());
    return parse(toml::parse(bytes, file.string()), file);
} catch (const ScenarioFault& wrong) {
    return invalid(wrong.diagnostic, file);
} catch (const toml::exception& wrong) {
    return invalid(wrong.what(), file);
}

Result<Scenario> find_scenario(const std::filesystem::path& directory, const std::string& name) {
    auto scenarios = load_scenarios(directory);
    if (!scenarios) return std::unexpected(scenarios.error());
    const auto found = std::ranges::find(*scenarios, name, &Scenario::name);
    if (found != scenarios->end()) return std::move(*found);
    return failure(ErrorCode::kUsage, std::format("there is no drill {}", name), name, "ssictl drill list");
}

Result<std::vector<Scenario>> load_scenarios(const std::filesystem::path& directory) {
    std::error_code error;
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(directory, error))
        if (entry.path().extension() == ".toml") files.push_back(entry.path());
    if (error)
        return failure(ErrorCode::kConfigMissing,
                       std::format("{} cannot be read: {}", directory.string(), error.message()), directory.string(),
                       "it comes with the package; --directory names another");
    std::ranges::sort(files);
    std::vector<Scenario> scenarios;
    for (const auto& file : files) {
        const auto content = read_text_file(file);
        if (!content)
            return failure(ErrorCode::kConfigMissing, std::format("{} cannot be read", file.string()), file.string());
        auto scenario = parse_scenario(*content, file);
        if (!scenario) return std::unexpected(scenario.error());
        scenarios.push_back(*std::move(scenario));
    }
    return scenarios;
}

}  // namespace ssi::ctl
