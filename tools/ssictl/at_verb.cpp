#include "tools/ssictl/at_verb.hpp"

#include <algorithm>
#include <format>
#include <iterator>
#include <type_traits>
#include <utility>
#include <variant>

namespace ssi::ctl {
namespace {

/// Whether it is only asked of daemons: what works with the files, devices or programs of its host is typed there.
bool asks_only_daemons(const Command& command) {
    return std::visit(
        []<class C>(const C&) {
            return std::is_same_v<C, DaemonCall> || std::is_same_v<C, ListMoves> || std::is_same_v<C, ShowCluster> ||
                   std::is_same_v<C, ShowLinks> || std::is_same_v<C, WatchLinks> || std::is_same_v<C, DiffConfig> ||
                   std::is_same_v<C, ReloadConfig> || std::is_same_v<C, CpCommand>;
        },
        command);
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
}

}  // namespace

std::vector<std::string> AtVerb::in_order(std::vector<std::string> arguments) {
    const auto is_word = [](const std::string& argument) { return !argument.starts_with('-'); };
    const auto verb = std::ranges::find_if(arguments, is_word);
    if (verb == arguments.end() || *verb != "at") return arguments;
    const auto member = std::find_if(std::next(verb), arguments.end(), is_word);
    if (member == arguments.end() || std::next(member) == arguments.end() || *std::next(member) == "--")
        return arguments;
    arguments.insert(std::next(member), "--");
    return arguments;
}

void AtVerb::add(CLI::App& app) {
    verb_ = app.add_subcommand("at", "Have a command carried out by another member, or by all that are Joined");
    verb_->add_option("MEMBER", member_, "Name of the member, or ALL")->required();
    verb_->add_option("COMMAND", words_, "What you would type there after ssictl")->required();
    verb_->footer("Examples:\n  ssictl at MEMBER2 guest start linux01\n  ssictl at ALL -- islink list");
}

bool AtVerb::is_wanted() const {
    return verb_->parsed();
}

std::expected<Invocation, Answered> AtVerb::read(bool json) const {
    auto there = parse_command_line(words_);
    if (!there) return there;
    if (!asks_only_daemons(there->command))
        return std::unexpected(Answered{
            kUsageStatus, "",
            std::format("ssictl: '{}' works with what is on its own host: type it on {}\n", joined(words_), member_)});
    const auto* call = std::get_if<DaemonCall>(&there->command);
    const bool asks_back = call != nullptr && !call->confirmation.empty();
    if (member_ == AtCommand::kAll && (asks_back || std::holds_alternative<WatchLinks>(there->command)))
        return std::unexpected(
            Answered{kUsageStatus, "", std::format("ssictl: '{}' is for one member at a time\n", joined(words_))});
    return Invocation{AtCommand{member_, words_}, json || there->json};
}

}  // namespace ssi::ctl
