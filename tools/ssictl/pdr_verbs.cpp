#include "tools/ssictl/pdr_verbs.hpp"

namespace ssi::ctl {

void PdrVerbs::add(CLI::App& app, std::optional<Command>& command) {
    auto* pdr = app.add_subcommand("pdr", "The shared volume of the members' signs of life (works without daemons)");
    auto* format = pdr->add_subcommand("format", "Make a PDR of the volume; once, on one member");
    format->add_flag("--force", format_.force, "Although it is not empty: what it holds is lost");
    format->callback([this, &command] {
        format_.place = place_;
        command = format_;
    });
    format->footer("A volume to which a member writes at this moment is never formatted.");
    auto* show = pdr->add_subcommand("show", "Whose volume it is, and what each member wrote last");
    show->callback([this, &command] { command = ShowPdr{place_, false}; });
    auto* check = pdr->add_subcommand("check", "The same, and every fault; exit status 1 if there is one");
    check->callback([this, &command] { command = ShowPdr{place_, true}; });
    auto* move = pdr->add_subcommand("move", "Go on on another volume, while guests run");
    move->add_option("VOLUME", move_.to, "The new one, by a path that all members have")->required();
    move->add_flag("--force", move_.force, "Although it is not empty, or smaller: what it holds is lost");
    move->callback([this, &command] {
        move_.place = place_;
        command = move_;
    });
    move->footer(
        "On one member, while all are Joined. It says what to do then: system.toml names the new volume, and\n"
        "ssi-guard and ssid are restarted on every member.");
    for (auto* verb : {format, show, check, move}) {
        verb->add_option("--device", place_.device, "The volume; default: [pdr] device of the configuration");
        verb->add_option("--config", place_.config, "Configuration of the cluster")->capture_default_str();
    }
}

}  // namespace ssi::ctl
