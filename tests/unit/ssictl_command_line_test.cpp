#include <gtest/gtest.h>

#include <set>

#include "tools/ssictl/command_line.hpp"
#include "tools/ssictl/directory_rendering.hpp"

namespace ssi::ctl {
namespace {

using Words = std::vector<std::string>;

DaemonCall call(Words words) {
    auto parsed = parse_command_line(std::move(words));
    return std::get<DaemonCall>(parsed.value().command);
}

template <class Verb>
Verb authority_verb(const Command& command) {
    return std::get<Verb>(std::get<AuthorityVerb>(command));
}

TEST(CommandLine, verbs_are_calls_with_their_arguments) {
    struct Case {
        Words words;
        std::string method;
        Words arguments;
    };
    const std::vector<Case> cases{
        {{"guest", "list"}, "GuestList", {}},
        {{"guest", "show", "g"}, "GuestShow", {"g"}},
        {{"guest", "start", "g"}, "GuestStart", {"g", ""}},
        {{"guest", "start", "g", "--member", "M2"}, "GuestStart", {"g", "M2"}},
        {{"guest", "policy", "g"}, "GuestPolicy", {"g", "", "", "", ""}},
        {{"guest", "policy", "g", "--restart", "no"}, "GuestPolicy", {"g", "no", "", "", ""}},
        {{"guest", "policy", "g", "--prefer", "M2,M3", "--priority", "-5", "--limit", "2"},
         "GuestPolicy",
         {"g", "prefer", "M2,M3", "-5", "2"}},
        {{"guest", "shutdown", "g"}, "GuestShutdown", {"g"}},
        {{"guest", "destroy", "g"}, "GuestDestroy", {"g"}},
        {{"directory", "list"}, "DirectoryList", {}},
        {{"directory", "get", "g"}, "DirectoryGet", {"g", ""}},
        {{"directory", "get", "g", "--version", "3"}, "DirectoryGet", {"g", "3"}},
        {{"directory", "delete", "g"}, "DirectoryDelete", {"g", ""}},
        {{"directory", "delete", "g", "--base", "3"}, "DirectoryDelete", {"g", "3"}},
        {{"directory", "history", "g"}, "DirectoryHistory", {"g"}},
        {{"directory", "rollback", "g", "3"}, "DirectoryRollback", {"g", "3"}},
        {{"directory", "adopt", "g"}, "DirectoryAdopt", {"g"}},
        {{"directory", "conflicts"}, "DirectoryConflicts", {}},
        {{"relocate", "move", "g", "M2"}, "RelocateMove", {"g", "M2"}},
        {{"relocate", "status", "g"}, "RelocateStatus", {"g"}},
        {{"query", "ssi", "--why", "M2"}, "Why", {"M2"}},
        {{"query", "names"}, "GuestList", {}},
        {{"member", "set-down", "M2"}, "MemberSetDown", {"M2"}},
        {{"member", "leave"}, "MemberLeave", {}},
        {{"fence", "test", "M2"}, "FenceTest", {"M2"}},
        {{"disarm"}, "Disarm", {""}},
        {{"disarm", "--why", "new switch"}, "Disarm", {"new switch"}},
        {{"arm"}, "Arm", {}},
        {{"maintenance", "on", "M2", "--why", "memory"}, "MaintenanceOn", {"M2", "memory"}},
        {{"maintenance", "off", "M2"}, "MaintenanceOff", {"M2"}},
        {{"engine", "status"}, "EngineStatus", {}},
        {{"engine", "force"}, "EngineForce", {}},
        {{"engine", "compact"}, "EngineCompact", {}},
        {{"member", "add", "M4"}, "MemberAdd", {"M4", "", "", ""}},
        {{"member", "add", "M4", "--slot", "4", "--host", "h", "--channel", "M1,a,b", "--channel", "M2,c,d"},
         "MemberAdd",
         {"M4", "4", "h", "M1,a,b M2,c,d"}},
        {{"member", "remove", "M4"}, "MemberRemove", {"M4"}},
        {{"member", "rename", "M4", "M5"}, "MemberRename", {"M4", "M5"}},
        {{"member", "replace", "M4", "--host", "h"}, "MemberReplace", {"M4", "h"}},
        {{"member", "reboot", "M4"}, "MemberReboot", {"M4", ""}},
        {{"member", "reboot", "M4", "--force"}, "MemberReboot", {"M4", "force"}},
        {{"config", "push"}, "ConfigPush", {""}},
        {{"config", "push", "--force"}, "ConfigPush", {"force"}},
        {{"config", "pull"}, "ConfigPull", {""}},
        {{"config", "pull", "M2"}, "ConfigPull", {"M2"}},
        {{"islink", "list"}, "Query", {}},
        {{"islink", "activate", "0"}, "Activate", {"", "0"}},
        {{"islink", "activate", "0", "--peer", "M2"}, "Activate", {"M2", "0"}},
        {{"islink", "activate", "x", "--peer", "M2", "--own-address", "10.0.0.1", "--peer-address", "10.0.0.2",
          "--interface", "eth9", "--port", "7701"},
         "AddChannel",
         {"M2", "x", "10.0.0.1", "10.0.0.2", "eth9", "7701"}},
        {{"islink", "deactivate", "0"}, "Deactivate", {"", "0", ""}},
        {{"islink", "deactivate", "0", "--peer", "M2", "--force"}, "Deactivate", {"M2", "0", "force"}},
        {{"reload"}, "Reload", {}}};
    const std::set<std::string> of_isfcd{"Query", "Activate", "AddChannel", "Deactivate", "Reload"};
    for (const auto& [words, method, arguments] : cases) {
        const auto parsed = call(words);
        EXPECT_EQ(parsed.method, method);
        EXPECT_EQ(parsed.arguments, arguments) << method;
        EXPECT_GT(parsed.timeout.count(), 0) << method;
        EXPECT_NE(parsed.render, nullptr) << method;
        EXPECT_EQ(parsed.daemon, of_isfcd.contains(method) ? Daemon::kIsfcd : Daemon::kSsid);
    }
}

TEST(CommandLine, json_may_stand_anywhere) {
    for (const auto& words :
         {Words{"--json", "guest", "list"}, Words{"guest", "--json", "list"}, Words{"guest", "list", "--json"}})
        EXPECT_TRUE(parse_command_line(words).value().json);
    EXPECT_FALSE(parse_command_line({"guest", "list"}).value().json);
}

TEST(CommandLine, relocate_status_without_a_name_is_for_all) {
    EXPECT_TRUE(std::holds_alternative<ListMoves>(parse_command_line({"relocate", "status"}).value().command));
}

TEST(CommandLine, names_are_for_scripts) {
    EXPECT_EQ(call({"guest", "list", "--names"}).render, render_guest_names);
    EXPECT_EQ(call({"query", "ssi", "--names"}).render, render_member_names);
    EXPECT_EQ(call({"directory", "list", "--names"}).render, render_directory_names);
    EXPECT_EQ(call({"directory", "list", "--names", "--not-adopted"}).render, render_not_adopted_names);
    EXPECT_EQ(call({"islink", "list", "--names"}).render, render_link_members);
}

TEST(CommandLine, set_down_wants_to_be_confirmed) {
    EXPECT_EQ(call({"member", "set-down", "M2"}).confirmation, "M2");
    EXPECT_EQ(call({"member", "set-down", "M2", "--yes"}).confirmation, "");
    EXPECT_EQ(call({"guest", "destroy", "g"}).confirmation, "");
}

TEST(CommandLine, forced_recovery_wants_to_be_confirmed) {
    EXPECT_EQ(call({"engine", "force"}).confirmation, "force");
    EXPECT_NE(call({"engine", "force"}).warning, "");
    EXPECT_EQ(call({"engine", "force", "--yes"}).confirmation, "");
    EXPECT_EQ(call({"engine", "status"}).confirmation, "");
}

TEST(CommandLine, deletion_wants_to_be_confirmed) {
    EXPECT_EQ(call({"directory", "delete", "g"}).confirmation, "g");
    EXPECT_EQ(call({"directory", "delete", "g", "--yes"}).confirmation, "");
    EXPECT_EQ(call({"directory", "rollback", "g", "3"}).confirmation, "") << "it can be rolled back itself";
}

TEST(CommandLine, definitions_are_put_and_edited) {
    const auto put = std::get<PutDefinition>(parse_command_line({"directory", "put", "-"}).value().command);
    EXPECT_EQ(put.file, "-");
    EXPECT_EQ(put.base, "");
    EXPECT_FALSE(put.force);
    EXPECT_TRUE(
        std::get<PutDefinition>(parse_command_line({"directory", "put", "f", "--force"}).value().command).force);
    EXPECT_EQ(
        std::get<PutDefinition>(parse_command_line({"directory", "put", "f", "--base", "3"}).value().command).base,
        "3");
    EXPECT_EQ(std::get<EditDefinition>(parse_command_line({"directory", "edit", "g"}).value().command).guest, "g");
}

TEST(CommandLine, copies_of_the_engine_are_files) {
    const auto backup =
        std::get<BackUpEngine>(parse_command_line({"engine", "backup", "f", "--force"}).value().command);
    EXPECT_EQ(backup.file, "f");
    EXPECT_TRUE(backup.overwrite);
    const auto restore = std::get<RestoreEngine>(parse_command_line({"engine", "restore", "f"}).value().command);
    EXPECT_EQ(restore.file, "f");
    EXPECT_FALSE(restore.yes);
    EXPECT_TRUE(std::get<RestoreEngine>(parse_command_line({"engine", "restore", "f", "--yes"}).value().command).yes);
    EXPECT_FALSE(parse_command_line({"engine", "restore"}));
}

TEST(CommandLine, pdr_move_wants_the_new_volume) {
    const auto move = std::get<PdrMove>(
        parse_command_line({"pdr", "move", "/dev/new", "--device", "/dev/old", "--force"}).value().command);
    EXPECT_EQ(move.to, "/dev/new");
    EXPECT_EQ(move.place.device, "/dev/old");
    EXPECT_TRUE(move.force);
    EXPECT_FALSE(parse_command_line({"pdr", "move"}));
}

TEST(CommandLine, authority_takes_its_places) {
    const auto init = authority_verb<InitAuthority>(
        parse_command_line({"ca", "init", "--directory", "/d", "--cluster", "C", "--force"}).value().command);
    EXPECT_EQ(init.directory, "/d");
    EXPECT_EQ(init.cluster, "C");
    EXPECT_TRUE(init.overwrite);
    const auto issue = authority_verb<IssueCertificate>(parse_command_line({"ca", "issue", "M1"}).value().command);
    EXPECT_EQ(issue.directory, "/etc/ssi/pki");
    EXPECT_EQ(issue.member, "M1");
    EXPECT_FALSE(issue.overwrite);
}

TEST(CommandLine, rotation_takes_its_places) {
    const auto rotate = authority_verb<RotateCertificates>(
        parse_command_line({"ca", "rotate", "--authority", "--directory", "/d"}).value().command);
    EXPECT_TRUE(rotate.authority);
    EXPECT_EQ(rotate.directory, "/d");
    EXPECT_FALSE(authority_verb<RotateCertificates>(parse_command_line({"ca", "rotate"}).value().command).authority);
    EXPECT_EQ(authority_verb<RetireAuthority>(parse_command_line({"ca", "retire"}).value().command).directory,
              "/etc/ssi/pki");
}

TEST(CommandLine, links_are_shown_and_watched) {
    EXPECT_TRUE(std::holds_alternative<ShowCluster>(parse_command_line({"query", "ssi"}).value().command));
    EXPECT_EQ(std::get<ShowLinks>(parse_command_line({"islink", "show"}).value().command).member, "");
    const auto show = std::get<ShowLinks>(parse_command_line({"islink", "show", "M2", "--streams"}).value().command);
    EXPECT_EQ(show.member, "M2");
    EXPECT_TRUE(show.streams);
    const auto watch = std::get<WatchLinks>(
        parse_command_line({"islink", "watch", "M2", "--interval", "0.25", "--count", "3"}).value().command);
    EXPECT_EQ(watch.member, "M2");
    EXPECT_EQ(watch.interval.count(), 250);
    EXPECT_EQ(watch.count, 3U);
}

TEST(CommandLine, drills_take_a_guest_and_a_place_for_the_report) {
    const auto run = std::get<RunDrill>(
        parse_command_line({"drill", "run", "power-cut", "--guest", "g", "--report", "/r", "--yes"}).value().command);
    EXPECT_EQ(run.name, "power-cut");
    EXPECT_EQ(run.guest, "g");
    EXPECT_EQ(run.report, "/r");
    EXPECT_TRUE(run.yes);
    EXPECT_EQ(run.directory, "/usr/share/ssi/drills");
    EXPECT_FALSE(parse_command_line({"drill", "run", "power-cut"})) << "whose member is to suffer?";
    EXPECT_EQ(std::get<ListDrills>(parse_command_line({"drill", "list"}).value().command).directory,
              "/usr/share/ssi/drills");
}

TEST(CommandLine, configuration_takes_its_places) {
    EXPECT_EQ(std::get<CheckConfig>(parse_command_line({"config", "check"}).value().command).file,
              "/etc/ssi/system.toml");
    EXPECT_EQ(std::get<CheckConfig>(parse_command_line({"config", "check", "/f"}).value().command).file, "/f");
    const auto show = std::get<ShowConfig>(parse_command_line({"config", "show", "--member", "M2"}).value().command);
    EXPECT_EQ(show.member, "M2");
    EXPECT_EQ(show.file, "/etc/ssi/system.toml");
    EXPECT_EQ(std::get<DiffConfig>(parse_command_line({"config", "diff", "M2"}).value().command).member, "M2");
    EXPECT_TRUE(std::get<ReloadConfig>(parse_command_line({"config", "reload", "--all"}).value().command).all);
    EXPECT_FALSE(std::get<ReloadConfig>(parse_command_line({"config", "reload"}).value().command).all);
}

TEST(CommandLine, help_is_no_fault_and_has_examples) {
    const auto help = parse_command_line({"--help"}).error();
    EXPECT_EQ(help.status, 0);
    EXPECT_NE(help.output.find("Examples:"), std::string::npos);
    EXPECT_EQ(help.errors, "");
    EXPECT_EQ(parse_command_line({"guest", "start", "--help"}).error().status, 0);
}

TEST(CommandLine, wrong_words_are_usage) {
    for (const auto& words :
         {Words{},
          Words{"guest"},
          Words{"frobnicate"},
          Words{"guest", "frobnicate"},
          Words{"guest", "start"},
          Words{"relocate", "move", "g"},
          Words{"guest", "list", "--bad"},
          Words{"query", "ssi", "extra"},
          Words{"query", "ssi", "--why", "M2", "--names"},
          Words{"islink", "show", "--streams"},
          Words{"islink", "watch", "--interval", "0"},
          Words{"islink", "activate", "x", "--own-address", "10.0.0.1", "--peer-address", "10.0.0.2"},
          Words{"islink", "activate", "x", "--peer", "M2", "--own-address", "10.0.0.1"},
          Words{"islink", "activate", "x", "--peer", "M2", "--port", "7701"},
          Words{"fence"},
          Words{"fence", "test"},
          Words{"directory"},
          Words{"directory", "put"},
          Words{"directory", "put", "f", "--base", "3", "--force"},
          Words{"directory", "edit"},
          Words{"directory", "rollback", "g"},
          Words{"guest", "policy", "g", "--restart", "perhaps"},
          Words{"guest", "policy", "g", "--limit", "x"},
          Words{"maintenance", "on"},
          Words{"maintenance", "off", "M2", "--why", "x"},
          Words{"arm", "--why", "x"}}) {
        const auto answered = parse_command_line(words);
        ASSERT_FALSE(answered);
        EXPECT_EQ(answered.error().status, 2);
        EXPECT_TRUE(answered.error().errors.starts_with("ssictl: ")) << answered.error().errors;
        EXPECT_EQ(answered.error().output, "");
    }
}

TEST(CommandLine, mistyped_command_is_named) {
    EXPECT_NE(parse_command_line({"frobnicate"}).error().errors.find("frobnicate"), std::string::npos);
}

}  // namespace
}  // namespace ssi::ctl
