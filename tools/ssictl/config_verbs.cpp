#include "tools/ssictl/config_verbs.hpp"

#include <chrono>

#include "tools/ssictl/config_rendering.hpp"

namespace ssi::ctl {
namespace {

/// ssid asks each member and waits 10 s for it.

}  // namespace

void ConfigVerbs::add(CLI::App& app, std::optional<Command>& command) {
    auto* config = app.add_subcommand("config", "The cluster's configuration, system.toml");
    auto* check = config->add_subcommand("check", "Every problem in the file; exit status 1 if there is one");
    check->add_option("FILE", file_, "The file; needs no daemon")->capture_default_str();
    check->callback([this, &command] { command = CheckConfig{file_}; });
    auto* show = config->add_subcommand("show", "The file as a member sees it, with defaults");
    show->add_option("--member", member_, "As this one sees it; default: the one that this host is");
    show->add_option("--config", file_, "The file; needs no daemon")->capture_default_str();
    show->callback([this, &command] { command = ShowConfig{file_, member_}; });
    add_shared(*config, command);
}

void ConfigVerbs::add_shared(CLI::App& config, std::optional<Command>& command) {
    auto* diff = config.add_subcommand("diff", "The file against what runs, what the cluster agreed on, and another's");
    diff->add_option("MEMBER", member_, "Also against the file of this one");
    diff->callback([this, &command] { command = DiffConfig{member_}; });
    auto* push = config.add_subcommand("push", "Put this member's file in place on all members that are Joined");
    push->add_flag("--force", force_, "Although this member is not Joined: its file is the right one");
    push->callback([this, &command] {
        command = DaemonCall{.method = "ConfigPush",
                             .arguments = {force_ ? "force" : ""},
                             .timeout = kAllMembers,
                             .render = render_config_push};
    });
    push->footer("All or nothing: every member checks it first. It takes effect with ssictl config reload --all.");
    auto* pull = config.add_subcommand("pull", "Take the cluster's file from another member");
    pull->add_option("MEMBER", member_, "From this one; default: any that is Joined");
    pull->callback([this, &command] {
        command = DaemonCall{
            .method = "ConfigPull", .arguments = {member_}, .timeout = kAllMembers, .render = render_config_pull};
    });
    auto* reload = config.add_subcommand("reload", "Put this member's file into effect, in isfcd and ssid");
    reload->add_flag("--all", all_, "On every member that is Joined");
    reload->callback([this, &command] { command = ReloadConfig{all_}; });
}

}  // namespace ssi::ctl
