#pragma once
/// What a drill has shown: as a JSON document, as text, and as a picture of its timeline. Pure, but for write_report.

#include <filesystem>
#include <string>

#include "lib/common/json_message.hpp"
#include "tools/ssictl/drill/drill.hpp"

namespace ssi::ctl {

/// {"v":1,"drills":[{"name","title","lab","here","about"}]}
[[nodiscard]] json::Object drills_document(const std::vector<Scenario>& scenarios);
[[nodiscard]] Result<std::string> render_drills(const json::Object& document);

/// {"v":1,"drill","title","cluster","guest","home","timing_scale","passed","failures":[],"broken":[],"late":[],
///  "moments":{"detection":ms,...},"timeline":[{"at_ms","text"}]}; times count from the first fault.
[[nodiscard]] json::Object drill_document(const Site& site, const Scenario& scenario, const std::string& guest,
                                          const DrillOutcome& outcome);
/// The verdict and the moments.
[[nodiscard]] Result<std::string> render_verdict(const json::Object& document);
/// The whole report, timeline included.
[[nodiscard]] Result<std::string> render_report(const json::Object& document);
/// An SVG 1.1 picture.
[[nodiscard]] Result<std::string> draw_timeline(const json::Object& document);

/// DRILL.txt, DRILL.svg and DRILL.json. Errors: kSystemFailed.
[[nodiscard]] Result<std::vector<std::filesystem::path>> write_report(const json::Object& document,
                                                                      const std::filesystem::path& directory);

}  // namespace ssi::ctl
