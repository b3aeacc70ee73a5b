#include "tools/ssictl/cp/verb.hpp"

#include <algorithm>
#include <format>
#include <utility>

#include "tools/ssictl/cp/names.hpp"
#include "tools/ssictl/cp/reading.hpp"
#include "tools/ssictl/rendering.hpp"
#include "tools/ssictl/table.hpp"

namespace ssi::ctl::cp {
namespace {

bool is_option(const std::string& argument) {
    return argument.starts_with('-');
}

bool asks_for_help(const std::vector<std::string>& typed) {
    return typed.size() == 1 && (typed.front() == "?" || parse_shape("Help").front().is_meant_by(typed.front()));
}

bool is_typed_as(const std::string& typed, std::string_view word) {
    return parse_shape(word).front().is_meant_by(typed);
}

/// AT member CMD command, where that is no row of its own.
bool is_for_another_member(const std::vector<std::string>& typed) {
    return typed.size() > 3 && is_typed_as(typed[0], "AT") && is_typed_as(typed[2], "CMD");
}

std::expected<Invocation, Answered> at_another_member(const std::vector<std::string>& typed, bool json) {
    std::vector<std::string> words{"at", is_typed_as(typed[1], "ALL") ? AtCommand::kAll : typed[1], "--", "cp"};
    words.insert(words.end(), typed.begin() + 3, typed.end());
    auto invocation = parse_command_line(std::move(words));
    if (invocation) invocation->json = json;
    return invocation;
}

}  // namespace

std::vector<std::string> CpVerb::in_order(std::vector<std::string> arguments) {
    const auto verb = std::ranges::find_if_not(arguments, is_option);
    if (verb == arguments.end() || *verb != "cp" || std::ranges::contains(arguments, "--")) return arguments;
    const auto words = std::stable_partition(verb + 1, arguments.end(), is_option);
    arguments.insert(words, "--");
    return arguments;
}

void CpVerb::add(CLI::App& app) {
    verb_ = app.add_subcommand("cp", "Commands in z/VM's words, upper or lower case; ssictl cp HELP lists them");
    verb_->add_option("WORDS", arguments_, "The command, as one argument or as several");
    verb_->footer("Examples:\n  ssictl cp 'VMRELOCATE MOVE LINUX01 TO MEMBER2'\n  ssictl cp q ssi");
}

bool CpVerb::is_wanted() const {
    return verb_->parsed();
}

std::expected<Invocation, Answered> CpVerb::read(bool json) const {
    const auto typed = arguments_.size() == 1 ? split_words(arguments_.front()) : arguments_;
    if (typed.empty()) return std::unexpected(Answered{kUsageStatus, "", "ssictl: which CP command?\n\n" + help()});
    if (asks_for_help(typed)) return std::unexpected(Answered{0, help(), ""});
    const auto reading = cp::read(typed, rows());
    if (!reading && is_for_another_member(typed)) return at_another_member(typed, json);
    if (!reading) return std::unexpected(Answered{kUsageStatus, "", render_error(reading.error())});
    // Before any name is looked up: whatever else is wrong is said without a daemon.
    auto invocation = parse_command_line(verb_words(*reading));
    if (!invocation) return invocation;
    if (has_names(*reading)) invocation->command = CpCommand{*reading};
    invocation->json = json;
    return invocation;
}

std::string help() {
    Table table({{"CP COMMAND"}, {"STANDS FOR"}, {"WHAT IT DOES"}});
    for (const auto& row : rows())
        table.add({std::string(row.shape), std::format("ssictl {}", row.verb), std::string(row.help)});
    table.add({"AT member CMD command", "ssictl at MEMBER cp COMMAND", "Any of these there; AT ALL: on every member"});
    return table.text() +
           "\nCapitals are the shortest form of a word; case does not matter when you type it. Words in lower case "
           "are\n"
           "for you to fill in, those in brackets may be left out. A guest or member is also found when only the case\n"
           "of its name differs. More: ssictl VERB --help\n";
}

}  // namespace ssi::ctl::cp
