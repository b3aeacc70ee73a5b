#include "tools/ssictl/config_rendering.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <format>
#include <vector>

#include "lib/common/word_list.hpp"
#include "tools/ssictl/document_cells.hpp"
#include "tools/ssictl/table.hpp"

namespace ssi::ctl {
namespace {

std::string value_or_unset(const json::Object& object, std::string_view field) {
    const auto value = text_of(object, field);
    return value.empty() ? "not set" : value;
}

std::string line_of(const json::Object& difference) {
    const auto* line = difference.if_contains("line");
    return line != nullptr && line->is_number() ? "line " + number_of(difference, "line") : "";
}

/// "the cluster's", "that of MEMBER2"
std::string other_file(const std::string& with) {
    if (with == "running") return "what runs here";
    if (with == "cluster") return "what the cluster agreed on";
    return "the file of " + with;
}

/// The keys that a reload does not put into effect.
std::string restart_keys(const json::Object& answer) {
    std::string keys;
    const auto needs = entries(answer, "needs");
    for (const auto& need : needs ? *needs : std::vector<json::Object>())
        keys += (keys.empty() ? "" : ", ") + text_of(need, "key");
    return keys;
}

/// The daemons that have to be started again for them.
std::string all_daemons(const json::Object& answer) {
    std::string daemons;
    const auto needs = entries(answer, "needs");
    for (const auto& need : needs ? *needs : std::vector<json::Object>()) daemons += text_of(need, "daemons") + " ";
    return distinct_words(daemons);
}

/// "systemctl restart ssid (timing.beat_s)"; without such keys "ssictl config reload".
std::string next_step(const json::Object& answer) {
    const auto keys = restart_keys(answer);
    return keys.empty() ? "ssictl config reload" : std::format("systemctl restart {} ({})", all_daemons(answer), keys);
}

}  // namespace

Result<std::string> render_config_check(const json::Object& document) {
    const auto problems = entries(document, "problems");
    if (!problems) return std::unexpected(problems.error());
    const auto file = printable(text_of(document, "file"));
    if (problems->empty()) {
        const auto own = text_of(document, "member");
        return std::format("{}: no problem; cluster {}, {} members, {} channels; this host is {}\n", file,
                           printable(text_of(document, "cluster")), number_of(document, "members"),
                           number_of(document, "channels"), own.empty() ? "none of them" : printable(own));
    }
    std::string text;
    for (const auto& problem : *problems) {
        // Its own line breaks stay: the line of the file and the caret are in it.
        auto diagnostic = text_of(problem, "diagnostic");
        std::ranges::replace_if(
            diagnostic, [](unsigned char byte) { return (byte < 0x20 && byte != '\n') || byte == 0x7f; }, '?');
        text += diagnostic + (diagnostic.ends_with('\n') ? "" : "\n");
    }
    return text + std::format("{}: {} {}\n", file, problems->size(), problems->size() == 1 ? "problem" : "problems");
}

std::size_t problems_in(const json::Object& document) {
    const auto problems = entries(document, "problems");
    return problems ? problems->size() : 0;
}

Result<std::string> render_config(const json::Object& document) {
    const auto keys = entries(document, "keys");
    if (!keys) return std::unexpected(keys.error());
    Table table({{"KEY"}, {"VALUE"}, {"BY"}, {"A CHANGE TAKES EFFECT AT"}});
    for (const auto& key : *keys) {
        const auto effective = text_of(key, "effective");
        const auto value = text_of(key, "value");
        table.add({text_of(key, "key"), effective.empty() ? value : std::format("{} (stretched: {})", value, effective),
                   json::boolean_or(key, "set", false) ? "line " + number_of(key, "line") : "default",
                   text_of(key, "effect")});
    }
    return printable(std::format("{} as {} sees it", text_of(document, "file"), text_of(document, "member"))) + "\n" +
           table.text();
}

Result<std::string> render_config_diff(const json::Object& document) {
    const auto comparisons = entries(document, "comparisons");
    if (!comparisons) return std::unexpected(comparisons.error());
    const auto file = text_of(document, "file");
    std::string text;
    for (const auto& comparison : *comparisons) {
        const auto differences = entries(comparison, "differences");
        if (!differences) return std::unexpected(differences.error());
        const auto other = other_file(text_of(comparison, "with"));
        if (differences->empty()) {
            text += printable(std::format("{} is {}", file, other)) + "\n";
            continue;
        }
        text += printable(std::format("{} differs from {}:", file, other)) + "\n";
        Table table({{"  KEY"}, {"HERE"}, {"THERE"}, {""}});
        for (const auto& difference : *differences)
            table.add({"  " + text_of(difference, "key"), value_or_unset(difference, "file"),
                       value_or_unset(difference, "other"), line_of(difference)});
        text += table.text();
    }
    if (document.contains("not_in_file")) {
        const auto channels = entries(document, "not_in_file");
        if (!channels) return std::unexpected(channels.error());
        for (const auto& channel : *channels)
            text += printable(std::format("not in {}: channel {} to {}, added at run time", file,
                                          text_of(channel, "channel"), text_of(channel, "member"))) +
                    "\n";
    }
    return text;
}

Result<std::string> render_config_push(const json::Object& document) {
    const auto members = entries(document, "members");
    if (!members) return std::unexpected(members.error());
    auto text = std::format("system.toml is in place on {} members (generation {})\n", members->size(),
                            number_of(document, "generation"));
    for (const auto& member : *members)
        text +=
            printable(std::format("{}: takes effect with: {}", text_of(member, "member"), next_step(member))) + "\n";
    if (const auto* missed = document.if_contains("missed"); missed != nullptr && missed->is_array())
        for (const auto& name : missed->get_array())
            if (name.is_string())
                text += printable(std::format("{} is not up: ssictl config pull there, when it is",
                                              std::string_view(name.get_string()))) +
                        "\n";
    return text;
}

Result<std::string> render_config_pull(const json::Object& document) {
    const auto from = json::text(document, "from");
    if (!from) return std::unexpected(from.error());
    auto text = printable(std::format("system.toml is now that of {}", *from)) + "\n";
    if (json::boolean_or(document, "reloaded", false)) return text + "it is in effect\n";
    return text + printable("it takes effect with: " + next_step(document)) + "\n";
}

Result<std::string> render_config_reload(const json::Object& document) {
    const auto members = entries(document, "members");
    if (!members) return std::unexpected(members.error());
    std::string text;
    for (const auto& member : *members) {
        const auto name = printable(text_of(member, "member"));
        if (const auto error = json::object(member, "error")) {
            text += std::format("{}: {}\n", name, printable(json::to_error(*error).text()));
            continue;
        }
        std::string keys;
        if (const auto* list = member.if_contains("keys"); list != nullptr && list->is_array())
            for (const auto& key : list->get_array())
                if (key.is_string()) keys += (keys.empty() ? "" : ", ") + std::string(key.get_string());
        text += std::format("{}: {}\n", name, keys.empty() ? "nothing has changed" : "in effect: " + printable(keys));
    }
    return text;
}

Result<std::string> render_member_change(const json::Object& document) {
    const auto member = json::text(document, "member");
    if (!member) return std::unexpected(member.error());
    auto text = printable(std::format("{}: {}", *member, text_of(document, "change"))) + "\n";
    if (!document.contains("members")) return text;
    const auto reloaded = render_config_reload(document);
    return reloaded ? text + *reloaded : reloaded;
}

std::size_t refusals_in(const json::Object& document) {
    const auto members = entries(document, "members");
    if (!members) return 0;
    return static_cast<std::size_t>(
        std::ranges::count_if(*members, [](const json::Object& member) { return member.contains("error"); }));
}

boost::json::array run_time_channels(const json::Object& links) {
    boost::json::array found;
    const auto list = entries(links, "links");
    for (const auto& link : list ? *list : std::vector<json::Object>()) {
        const auto channels = entries(link, "channels");
        for (const auto& channel : channels ? *channels : std::vector<json::Object>())
            if (text_of(channel, "origin") == "run-time")
                found.push_back(
                    json::Object{{"member", text_of(link, "member")}, {"channel", text_of(channel, "name")}});
    }
    return found;
}

}  // namespace ssi::ctl
