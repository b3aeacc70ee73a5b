#include "tools/ssictl/directory_verbs.hpp"

#include <chrono>
#include <format>

#include "tools/ssictl/directory_edits.hpp"
#include "tools/ssictl/directory_rendering.hpp"

namespace ssi::ctl {
namespace {

using namespace std::chrono_literals;

constexpr auto kShow = 10s;

Rendering rendering_of_list(bool not_adopted, bool names) {
    if (not_adopted) return names ? render_not_adopted_names : render_not_adopted;
    return names ? render_directory_names : render_directory;
}

}  // namespace

void DirectoryVerbs::want_guest(CLI::App& verb) {
    verb.add_option("GUEST", guest_, "Name of the guest")->required();
}

void DirectoryVerbs::add(CLI::App& app, std::optional<Command>& command) {
    auto* directory = app.add_subcommand("directory", "The guests' definitions: one for all members, with history");
    add_views(*directory, command);
    add_changes(*directory, command);
    directory->footer(
        "virsh define, edit and undefine on any member change it too. Examples:\n"
        "  ssictl directory edit linux01\n"
        "  ssictl directory history linux01\n"
        "  ssictl directory get linux01 --version 3 > linux01.xml");
}

void DirectoryVerbs::add_views(CLI::App& directory, std::optional<Command>& command) {
    auto* list = directory.add_subcommand("list", "All guests in it, and who changed them last");
    list->add_flag("--not-adopted", not_adopted_, "Those of this member that are from before the cluster, instead");
    list->add_flag("--names", names_, "Only the names, one a line, for scripts");
    list->callback([this, &command] {
        command =
            DaemonCall{.method = "DirectoryList", .timeout = kShow, .render = rendering_of_list(not_adopted_, names_)};
    });
    auto* get = directory.add_subcommand("get", "The XML of a guest, as libvirt takes it");
    want_guest(*get);
    get->add_option("--version", version_, "An old one of its history; default: the present one");
    get->callback([this, &command] {
        command = DaemonCall{
            .method = "DirectoryGet", .arguments = {guest_, version_}, .timeout = kShow, .render = render_definition};
    });
    get->footer("With its secrets, as virsh dumpxml --inactive --security-info prints it.");
    auto* history = directory.add_subcommand("history", "The last 20 versions of a guest: whose they are, and why");
    want_guest(*history);
    history->callback([this, &command] {
        command =
            DaemonCall{.method = "DirectoryHistory", .arguments = {guest_}, .timeout = kShow, .render = render_history};
    });
    history->footer("LINES: how many it added and took away. Also of a guest that was deleted.");
    directory.add_subcommand("conflicts", "Edits on this member that others came before, and where they are kept")
        ->callback([&command] {
            command = DaemonCall{.method = "DirectoryConflicts", .timeout = kShow, .render = render_conflicts};
        });
}

void DirectoryVerbs::add_changes(CLI::App& directory, std::optional<Command>& command) {
    auto* put = directory.add_subcommand("put", "Define a guest on all members, or change it");
    put->add_option("FILE", put_.file, "Its XML; - for standard input")->required();
    auto* base = put->add_option("--base", put_.base, "The version of it that FILE was made from");
    put->add_flag("--force", put_.force, "Whatever it is now: it becomes FILE")->excludes(base);
    put->callback([this, &command] { command = put_; });
    put->footer(
        "Without --base and --force: a new guest, refused when the directory has it already. With --base it is\n"
        "refused when somebody has changed it since. A file does not tell from which version it was made, but\n"
        "ssictl directory get --json and history do, and edit keeps count by itself.");
    auto* edit = directory.add_subcommand("edit", "Change a guest's XML in an editor: $VISUAL, $EDITOR or vi");
    want_guest(*edit);
    edit->callback([this, &command] { command = EditDefinition{guest_}; });
    auto* remove = directory.add_subcommand("delete", "Undefine a guest on all members; refused while it runs");
    want_guest(*remove);
    remove->add_option("--base", base_, "Only if this is its version");
    remove->add_flag("--yes", yes_, "Do not ask for its name to be typed again");
    remove->callback([this, &command] { command = deletion(); });
    remove->footer("Its disks and NVRAM stay. ssictl directory rollback brings it back.");
    auto* rollback = directory.add_subcommand("rollback", "Make an old version of a guest the next one");
    want_guest(*rollback);
    rollback->add_option("VERSION", version_, "As ssictl directory history shows it")->required();
    rollback->callback([this, &command] {
        command = DaemonCall{.method = "DirectoryRollback",
                             .arguments = {guest_, version_},
                             .timeout = kDefinitionChange,
                             .render = render_change};
    });
    auto* adopt = directory.add_subcommand("adopt", "Take in a guest that this member had before the cluster");
    want_guest(*adopt);
    adopt->callback([this, &command] {
        command = DaemonCall{
            .method = "DirectoryAdopt", .arguments = {guest_}, .timeout = kDefinitionChange, .render = render_change};
    });
}

DaemonCall DirectoryVerbs::deletion() const {
    return {.method = "DirectoryDelete",
            .arguments = {guest_, base_},
            .timeout = kDefinitionChange,
            .render = render_deleted,
            .confirmation = yes_ ? "" : guest_,
            .warning = std::format("Guest {} is to be undefined on all members. Its disks stay.\n"
                                   "Type its name if that is what you want: ",
                                   guest_)};
}

}  // namespace ssi::ctl
