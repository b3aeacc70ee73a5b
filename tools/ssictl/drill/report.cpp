#include "tools/ssictl/drill/report.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <cerrno>
#include <format>
#include <fstream>
#include <utility>

#include "tools/ssictl/document_cells.hpp"
#include "tools/ssictl/rendering.hpp"
#include "tools/ssictl/table.hpp"

namespace ssi::ctl {
namespace {

using boost::json::array;

array texts(const std::vector<std::string>& lines) {
    array list;
    for (const auto& line : lines) list.emplace_back(line);
    return list;
}

/// An array's elements of a document that we may not have made; empty if it is none.
array list(const json::Object& document, std::string_view field) {
    const auto* found = document.if_contains(field);
    return found != nullptr && found->is_array() ? found->get_array() : array();
}

std::string text_of(const boost::json::value& value) {
    return value.is_string() ? printable(value.get_string()) : std::string();
}

double as_seconds(std::int64_t time_ms) {
    return static_cast<double>(time_ms) / 1000;
}

std::string escaped(std::string_view text) {
    std::string safe;
    for (const char letter : text) {
        if (letter == '<')
            safe += "&lt;";
        else if (letter == '&')
            safe += "&amp;";
        else
            safe += letter;
    }
    return safe;
}

std::string bullet_list(const json::Object& document, std::string_view field, std::string_view heading) {
    std::string text;
    for (const auto& line : list(document, field)) text += std::format("{}: {}\n", heading, text_of(line));
    return text;
}

}  // namespace

json::Object drills_document(const std::vector<Scenario>& scenarios) {
    array drills;
    for (const auto& one : scenarios)
        drills.push_back(json::Object{
            {"name", one.name}, {"title", one.title}, {"lab", one.lab}, {"here", one.here}, {"about", one.about}});
    return {{"v", 1}, {"drills", std::move(drills)}};
}

Result<std::string> render_drills(const json::Object& document) {
    Table table({{"DRILL"}, {"WHERE"}, {"WHAT HAPPENS"}});
    for (const auto& value : list(document, "drills")) {
        if (!value.is_object()) continue;
        const auto& drill = value.get_object();
        const auto where = json::boolean_or(drill, "lab", false)    ? "lab only"
                           : json::boolean_or(drill, "here", false) ? "guest's member"
                                                                    : "another member";
        table.add({json::text_or(drill, "name", ""), where, json::text_or(drill, "title", "")});
    }
    return table.empty() ? "no drills\n" : table.text();
}

json::Object drill_document(const Site& site, const Scenario& scenario, const std::string& guest,
                            const DrillOutcome& outcome) {
    const auto& record = outcome.record;
    const auto zero = record.first_fault().value_or(outcome.began);
    const auto since = [&](DrillTime at) {
        return std::chrono::duration_cast<std::chrono::milliseconds>(at - zero).count();
    };
    json::Object moments;
    for (const auto& [moment, at] : record.moments()) moments[name_of(moment)] = since(at);
    array timeline;
    for (const auto& note : record.notes())
        timeline.push_back(json::Object{{"at_ms", since(note.at)}, {"text", note.text}});
    return {{"v", 1},
            {"drill", scenario.name},
            {"title", scenario.title},
            {"cluster", site.cluster()},
            {"guest", guest},
            {"home", outcome.home},
            {"timing_scale", site.timing_scale()},
            {"passed", outcome.passed()},
            {"failures", texts(outcome.failures)},
            {"broken", texts(record.violations())},
            {"late", texts(outcome.late)},
            {"moments", std::move(moments)},
            {"timeline", std::move(timeline)}};
}

Result<std::string> render_verdict(const json::Object& document) {
    const auto passed = json::boolean(document, "passed");
    if (!passed) return std::unexpected(passed.error());
    std::string text =
        std::format("drill {}: {}\n", json::text_or(document, "drill", ""), *passed ? "passed" : "FAILED");
    text += bullet_list(document, "broken", "  broken");
    text += bullet_list(document, "failures", "  not as expected");
    text += bullet_list(document, "late", "  late");
    if (const auto* moments = document.if_contains("moments"); moments != nullptr && moments->is_object())
        for (const auto& [name, at] : moments->get_object())
            if (at.is_int64())
                text += std::format("  {:<10} {:8.2f} s\n", std::string_view(name), as_seconds(at.get_int64()));
    return text;
}

Result<std::string> render_report(const json::Object& document) {
    auto verdict = render_verdict(document);
    if (!verdict) return verdict;
    std::string text =
        std::format("{}\ncluster {}, guest {} on {}, timing.scale {:g}; seconds since the first fault\n\n",
                    json::text_or(document, "title", ""), json::text_or(document, "cluster", ""),
                    json::text_or(document, "guest", ""), json::text_or(document, "home", ""),
                    document.at("timing_scale").to_number<double>());
    for (const auto& value : list(document, "timeline"))
        if (value.is_object())
            text += std::format("{:8.2f}  {}\n", as_seconds(json::number_or(value.get_object(), "at_ms", 0)),
                                printable(json::text_or(value.get_object(), "text", "")));
    return text + "\n" + *verdict;
}

Result<std::string> draw_timeline(const json::Object& document) {
    constexpr int kLeft = 40;
    constexpr int kWidth = 900;
    constexpr int kTop = 60;
    constexpr int kLine = 18;
    const auto notes = list(document, "timeline");
    std::int64_t last = 1000;
    for (const auto& note : notes)
        if (note.is_object()) last = std::max(last, json::number_or(note.get_object(), "at_ms", 0));
    const auto x = [&](std::int64_t at) {
        return kLeft + static_cast<double>(std::max<std::int64_t>(at, 0)) * kWidth / static_cast<double>(last);
    };
    const int axis = kTop + kLine * static_cast<int>(notes.size()) + kLine;
    std::string svg = std::format(
        R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" font-family="sans-serif" font-size="12">)"
        "\n<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n<text x=\"{2}\" y=\"24\" font-size=\"16\">{3}: "
        "{4}</text>\n",
        kLeft * 2 + kWidth, axis + 40, kLeft, escaped(printable(json::text_or(document, "title", ""))),
        json::boolean_or(document, "passed", false) ? "passed" : "FAILED");
    int y = kTop;
    for (const auto& value : notes) {
        if (!value.is_object()) continue;
        const auto at = json::number_or(value.get_object(), "at_ms", 0);
        const auto text = printable(json::text_or(value.get_object(), "text", ""));
        const auto color = text.starts_with("BROKEN") ? "#c00000" : "#205080";
        // To the left of its mark where there is no room at the right.
        const bool right = x(at) < kLeft + kWidth * 0.6;
        svg += std::format(
            "<line x1=\"{0:.1f}\" y1=\"{1}\" x2=\"{0:.1f}\" y2=\"{2}\" stroke=\"{3}\" stroke-width=\"0.5\"/>"
            "<text x=\"{4:.1f}\" y=\"{1}\" fill=\"{3}\" text-anchor=\"{5}\">{6:.2f} s {7}</text>\n",
            x(at), y, axis, color, x(at) + (right ? 4 : -4), right ? "start" : "end", as_seconds(at), escaped(text));
        y += kLine;
    }
    svg += std::format("<line x1=\"{0}\" y1=\"{1}\" x2=\"{2}\" y2=\"{1}\" stroke=\"black\"/>\n", kLeft, axis,
                       kLeft + kWidth);
    for (int tenth = 0; tenth <= 10; ++tenth) {
        const auto at = last * tenth / 10;
        svg += std::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:.1f} s</text>\n", x(at), axis + 16,
                           as_seconds(at));
    }
    return svg + "</svg>\n";
}

Result<std::vector<std::filesystem::path>> write_report(const json::Object& document,
                                                        const std::filesystem::path& directory) {
    const auto name = json::text(document, "drill");
    const auto text = render_report(document);
    const auto picture = draw_timeline(document);
    if (!name || !text || !picture)
        return std::unexpected(!name ? name.error() : !text ? text.error() : picture.error());
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    std::vector<std::filesystem::path> files;
    for (const auto& [ending, content] : {std::pair{".txt", *text}, {".svg", *picture}, {".json", pretty(document)}}) {
        files.push_back(directory / (*name + ending));
        std::ofstream file(files.back());
        file << content << std::flush;
        if (!file)
            return system_failure(std::format("cannot write {}", files.back().string()), files.back().string(), errno);
    }
    return files;
}

}  // namespace ssi::ctl
