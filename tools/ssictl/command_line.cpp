#include "tools/ssictl/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <sstream>
#include <utility>

#include "tools/ssictl/config_verbs.hpp"
#include "tools/ssictl/engine_rendering.hpp"
#include "tools/ssictl/member_verbs.hpp"

namespace ssi::ctl {
namespace {

using namespace std::chrono_literals;

constexpr auto kQuick = 10s;
constexpr auto kStart = 120s;  // ssid gives up after 60 s
constexpr auto kMove = 2h;     // ssid gives up after 1 h
constexpr auto kTest = 10min;  // each agent ends within its timeout_s
constexpr auto kForce = 10min;

constexpr int kUsage = 2;

constexpr auto kExamples = R"(Examples:
  ssictl query ssi                         who is there, and in which state
  ssictl guest start linux01 --member MEMBER2
  ssictl relocate move linux01 MEMBER2     without stopping it
  ssictl guest list --json
  ssictl islink watch                      what the channels to the other members carry

Exit status: 0 done, 1 refused, 2 usage, 3 the daemon cannot be reached.
Every refusal has a code, explained in docs/errors.md. More: ssictl COMMAND --help, man ssictl)";

/// The command line's shape and the places where CLI11 puts what it finds.
class CommandLine {
  public:
    CommandLine() {
        app_.fallthrough();  // `--json` anywhere
        app_.footer(kExamples);
        app_.add_flag("--json", json_, "Print the daemon's JSON document instead of a table");
        add_query();
        add_guest();
        add_relocate();
        add_member();
        add_fencing();
        add_islink();
        app_.add_subcommand("reload", "isfcd of this member reads system.toml, isfc.d and certificates again")
            ->callback([this] {
                command_ = DaemonCall{
                    .daemon = Daemon::kIsfcd, .method = "Reload", .timeout = kQuick * 3, .render = render_reload};
            });
        config_.add(app_, command_);
        add_authority();
        add_pdr();
        add_engine();
        add_drill();
        app_.add_subcommand("version", "Print the version")->callback([this] { command_ = PrintVersion{}; });
    }

    std::expected<Invocation, Answered> parse(std::vector<std::string> arguments) {
        std::ranges::reverse(arguments);  // as CLI11 wants them
        try {
            app_.parse(std::move(arguments));
        } catch (const CLI::ParseError& error) {
            std::ostringstream output;
            std::ostringstream errors;
            if (app_.exit(error, output, errors) == 0) return std::unexpected(Answered{0, output.str(), ""});
            return std::unexpected(Answered{kUsage, "", "ssictl: " + errors.str()});
        }
        // CLI11 can demand a subcommand itself, but then a mistyped one is called a missing one.
        if (!command_) return std::unexpected(Answered{kUsage, "", help_of_last()});
        return Invocation{std::move(*command_), json_};
    }

  private:
    /// The help of the innermost subcommand that was named.
    std::string help_of_last() const {
        const CLI::App* last = &app_;
        std::string path;
        for (; !last->get_subcommands().empty(); last = last->get_subcommands().front()) path += last->get_name() + " ";
        if (!path.empty()) path.pop_back();
        return "ssictl: which command?\n\n" + last->help(path);
    }

    /// A verb that is one call of ssid with these arguments, which are filled when the callback runs.
    CLI::App* call(CLI::App* group, const std::string& name, const std::string& description, DaemonCall call,
                   std::vector<const std::string*> arguments = {}) {
        auto* verb = group->add_subcommand(name, description);
        verb->callback([this, call, arguments]() mutable {
            for (const auto* argument : arguments) call.arguments.push_back(*argument);
            if (names_only_) call.render = render_guest_names;
            if (call.method == "MemberSetDown") call.confirmation = member_;
            if (yes_) call.confirmation.clear();
            command_ = call;
        });
        return verb;
    }

    void want_guest(CLI::App* verb) { verb->add_option("GUEST", guest_, "Name of the guest")->required(); }
    void want_member(CLI::App* verb) { verb->add_option("MEMBER", member_, "Name of the member")->required(); }
    void offer_names(CLI::App* verb) {
        verb->add_flag("--names", names_only_, "Only the names, one a line, for scripts");
    }

    void add_query() {
        auto* query = app_.add_subcommand("query", "Show the cluster");
        auto* cluster = query->add_subcommand("ssi", "Members, their states and signs of life");
        offer_names(cluster);
        cluster->add_option("--why", member_, "What the state of this member rests on, as seen from here")
            ->excludes(cluster->get_option("--names"));
        cluster->callback([this] {
            if (!member_.empty())
                command_ = DaemonCall{.method = "Why", .arguments = {member_}, .timeout = kQuick, .render = render_why};
            else if (names_only_)
                command_ = DaemonCall{.method = "QuerySsi", .timeout = kQuick, .render = render_member_names};
            else
                command_ = ShowCluster{};
        });
    }

    void add_guest() {
        auto* guest = app_.add_subcommand("guest", "Show, start and stop guests, wherever they run");
        offer_names(call(guest, "list", "All guests the cluster knows",
                         {.method = "GuestList", .timeout = kQuick, .render = render_guests}));
        want_guest(call(guest, "show", "One guest, and its last move",
                        {.method = "GuestShow", .timeout = kQuick, .render = render_guest}, {&guest_}));
        auto* start = call(guest, "start", "Start a guest",
                           {.method = "GuestStart", .timeout = kStart, .render = render_started}, {&guest_, &member_});
        want_guest(start);
        start->add_option("--member", member_, "Start it there; default: on this member");
        start->footer("Example:\n  ssictl guest start linux01 --member MEMBER2");
        add_guest_policy(guest);
        want_guest(call(guest, "shutdown", "Ask a guest to shut down (as its power button does)",
                        {.method = "GuestShutdown", .timeout = kQuick * 2, .render = render_shut_down}, {&guest_}));
        want_guest(call(guest, "destroy", "End a guest at once (as if its power were cut)",
                        {.method = "GuestDestroy", .timeout = kQuick * 2, .render = render_destroyed}, {&guest_}));
    }

    void add_guest_policy(CLI::App* guest) {
        auto* policy = call(guest, "policy", "Whether, where and when it is restarted after the death of its member",
                            {.method = "GuestPolicy", .timeout = kQuick * 2, .render = render_policy},
                            {&guest_, &restart_, &prefer_, &priority_, &limit_});
        want_guest(policy);
        auto* restart = policy->add_option("--restart", restart_, "yes (wherever there is memory), no, or prefer");
        restart->check(CLI::IsMember({"yes", "no", "prefer"}));
        auto* prefer = policy->add_option("--prefer", prefer_, "There, in this order, while they can take it: M1,M2");
        prefer->each([this](const std::string&) {
            if (restart_.empty()) restart_ = "prefer";
        });
        policy->add_option("--priority", priority_, "Higher ones start first; default: 0")
            ->check(CLI::Range(-1000, 1000));
        policy->add_option("--limit", limit_, "Restarts that did not last 10 minutes; then it stays down; default: 3")
            ->check(CLI::Range(0, 100));
        policy->footer(
            "Without options: shows it.\nExample:\n  ssictl guest policy linux01 --prefer MEMBER2,MEMBER3 --priority "
            "10");
    }

    void add_relocate() {
        auto* relocate = app_.add_subcommand("relocate", "Move guests between members while they run");
        auto* move = call(relocate, "move", "Move a guest, and wait until it has moved",
                          {.method = "RelocateMove", .timeout = kMove, .render = render_move}, {&guest_, &member_});
        want_guest(move);
        want_member(move);
        move->footer("Example:\n  ssictl relocate move linux01 MEMBER2");
        auto* status = relocate->add_subcommand(
            "status", "The move under way or the last one; of all that move now, without a name");
        status->add_option("GUEST", guest_, "Name of the guest");
        status->callback([this] {
            if (guest_.empty())
                command_ = ListMoves{};
            else
                command_ = DaemonCall{
                    .method = "RelocateStatus", .arguments = {guest_}, .timeout = kQuick, .render = render_move};
        });
    }

    void add_member() {
        auto* member = app_.add_subcommand("member", "Add members, take them out, change them");
        members_.add(*member, command_);
        auto* set_down = call(member, "set-down", "Declare a member dead: you have seen that it is off",
                              {.method = "MemberSetDown", .timeout = kQuick * 2, .render = render_member}, {&member_});
        want_member(set_down);
        set_down->add_flag("--yes", yes_, "Do not ask for its name to be typed again");
        set_down->footer(
            "Its guests are started elsewhere. If it is not off, they then run twice and their disks are lost.");
        call(member, "leave", "This member leaves the cluster in order; it must run no guests",
             {.method = "MemberLeave", .timeout = kQuick * 4, .render = render_member});
    }

    void add_fencing() {
        auto* fence = app_.add_subcommand("fence", "How dead members are powered off");
        auto* test =
            call(fence, "test", "Ask each [[fence]] about a member; nothing is fired",
                 {.method = "FenceTest", .timeout = kTest, .render = render_fence_test, .verdict = "ok"}, {&member_});
        want_member(test);
        test->footer("Exit status 1 when one of them cannot be relied on.");
        auto* disarm = call(&app_, "disarm", "No member is fenced until ssictl arm: for work on the network",
                            {.method = "Disarm", .timeout = kQuick * 2, .render = render_fencing}, {&why_});
        disarm->footer(
            "While it lasts, no guest of a member that dies is restarted.\nExample:\n"
            "  ssictl disarm --why 'switch firmware, until 14:00'");
        call(&app_, "arm", "Members are fenced again",
             {.method = "Arm", .timeout = kQuick * 2, .render = render_fencing});
        auto* maintenance =
            app_.add_subcommand("maintenance", "Work on one member: it is not fenced, and given nothing");
        auto* on =
            call(maintenance, "on", "Its guests stay; if it goes down, they wait for maintenance off",
                 {.method = "MaintenanceOn", .timeout = kQuick * 2, .render = render_maintenance}, {&member_, &why_});
        want_member(on);
        want_member(call(maintenance, "off", "The member is as any other again",
                         {.method = "MaintenanceOff", .timeout = kQuick * 2, .render = render_maintenance},
                         {&member_}));
        for (auto* verb : {disarm, on}) verb->add_option("--why", why_, "For those who see it in ssictl query ssi");
    }

    CLI::App* isfcd_call(CLI::App* group, const std::string& name, const std::string& description,
                         std::function<std::pair<std::string, std::vector<std::string>>()> method) {
        auto* verb = group->add_subcommand(name, description);
        verb->callback([this, method = std::move(method)] {
            auto [called, arguments] = method();
            command_ = DaemonCall{.daemon = Daemon::kIsfcd,
                                  .method = std::move(called),
                                  .arguments = std::move(arguments),
                                  .timeout = kQuick,
                                  .render = render_channel};
        });
        verb->add_option("CHANNEL", channel_, "Name of the channel")->required();
        verb->add_option("--peer", member_, "The member at its other end; needed where several links have that name");
        return verb;
    }

    void add_islink() {
        auto* islink = app_.add_subcommand("islink", "Links to other members and their channels");
        auto* list = islink->add_subcommand("list", "A line for each channel");
        list->add_flag("--names", names_only_, "Only the names of the peers, one a line, for scripts");
        list->callback([this] {
            command_ = DaemonCall{.daemon = Daemon::kIsfcd,
                                  .method = "Query",
                                  .timeout = kQuick,
                                  .render = names_only_ ? render_link_members : render_links};
        });
        auto* show = islink->add_subcommand("show", "All there is to say of them, and of the certificates");
        show->add_option("MEMBER", show_.member, "The link to this member; default: all");
        show->add_flag("--streams", show_.streams, "Its streams instead; wants a MEMBER");
        show->callback([this] {
            if (show_.streams && show_.member.empty()) throw CLI::RequiredError("MEMBER");
            command_ = show_;
        });
        add_watch(islink);
        auto* activate =
            isfcd_call(islink, "activate", "Bring a channel back, or add one that system.toml has not",
                       [this]() -> std::pair<std::string, std::vector<std::string>> {
                           if (own_address_.empty()) return {"Activate", {member_, channel_}};
                           return {"AddChannel", {member_, channel_, own_address_, peer_address_, interface_, port_}};
                       });
        auto* own = activate->add_option("--own-address", own_address_, "A new channel: address of this member");
        auto* peer = activate->add_option("--peer-address", peer_address_, "A new channel: address of the peer");
        own->needs(peer)->needs(activate->get_option("--peer"));
        peer->needs(own);
        activate->add_option("--interface", interface_, "A new channel: bind it to this interface")->needs(own);
        activate->add_option("--port", port_, "A new channel: port at the member with the higher slot; default: 7700")
            ->needs(own);
        activate->footer(
            "A new channel has to be added on both members, under the same name. It lasts until isfcd restarts; to\n"
            "keep it, write it into system.toml.\nExample:\n"
            "  ssictl islink activate fast --peer MEMBER2 --own-address 10.9.0.1 --peer-address 10.9.0.2");
        auto* deactivate = isfcd_call(islink, "deactivate", "Take a channel down; it stays down until it is activated",
                                      [this]() -> std::pair<std::string, std::vector<std::string>> {
                                          return {"Deactivate", {member_, channel_, yes_ ? "force" : ""}};
                                      });
        deactivate->add_flag("--force", yes_, "Also the last channel that works");
        deactivate->footer(
            "What is deactivated stays so over a reload, but not over a restart of isfcd. A channel that was added at\n"
            "run time is gone.");
    }

    void add_watch(CLI::App* islink) {
        auto* watch = islink->add_subcommand("watch", "What the channels carry, again and again");
        watch->add_option("MEMBER", watch_.member, "The link to this member; default: all");
        watch->add_option("--interval", interval_s_, "Seconds between two looks")
            ->capture_default_str()
            ->check(CLI::Range(0.1, 3600.0));
        watch->add_option("--count", watch_.count, "End after so many; default: never");
        watch->callback([this] {
            watch_.interval = std::chrono::milliseconds(std::llround(interval_s_ * 1000));
            command_ = watch_;
        });
    }

    void add_authority() {
        auto* authority =
            app_.add_subcommand("ca", "The keys by which members know each other (files; needs no daemon)");
        auto* init = authority->add_subcommand("init", "Make the cluster's certificate authority");
        init->add_option("--directory", init_.directory, "Where ca.crt and ca.key are written")->capture_default_str();
        init->add_option("--cluster", init_.cluster, "Name of the cluster; default: as in the configuration");
        init->add_option("--config", init_.config, "Configuration of the cluster")->capture_default_str();
        init->add_flag("--force", init_.overwrite, "Replace what is there: all members then need new certificates");
        init->callback([this] { command_ = init_; });
        auto* issue = authority->add_subcommand("issue", "Make key and certificate of a member");
        issue->add_option("MEMBER", issue_.member, "Name of the member")->required();
        issue->add_option("--directory", issue_.directory, "Where the authority lies")->capture_default_str();
        issue->add_flag("--force", issue_.overwrite, "Replace what is there");
        issue->callback([this] { command_ = issue_; });
        auto* rotate =
            authority->add_subcommand("rotate", "Make new keys and certificates of all members that have some here");
        rotate->add_flag("--authority", rotate_.authority, "A new authority too, with the old one beside it");
        rotate->callback([this] {
            rotate_.directory = directory_;
            command_ = rotate_;
        });
        auto* retire =
            authority->add_subcommand("retire", "End what rotate --authority began: trust the new one alone");
        retire->callback([this] { command_ = RetireAuthority{directory_}; });
        for (auto* verb : {rotate, retire})
            verb->add_option("--directory", directory_, "Where the authority lies")->capture_default_str();
        rotate->footer(
            "No stream ends, whatever the order:\n  copy ca.crt, MEMBER.crt and MEMBER.key to /etc/ssi/pki of each "
            "member\n  ssictl reload, on each member\nAfter --authority, when all have them:\n  ssictl ca retire\n  "
            "copy ca.crt to each member\n  ssictl reload, on each member");
        authority->footer(
            "Once, on one member:\n  ssictl ca init\n  ssictl ca issue MEMBER1\n  ssictl ca issue MEMBER2\n"
            "Then ca.crt, MEMBER.crt and MEMBER.key go to /etc/ssi/pki of that member. ca.key stays where it is.");
    }

    void add_pdr() {
        auto* pdr =
            app_.add_subcommand("pdr", "The shared volume of the members' signs of life (works without daemons)");
        auto* format = pdr->add_subcommand("format", "Make a PDR of the volume; once, on one member");
        format->add_flag("--force", format_pdr_.force, "Although it is not empty: what it holds is lost");
        format->callback([this] {
            format_pdr_.place = pdr_;
            command_ = format_pdr_;
        });
        format->footer("A volume to which a member writes at this moment is never formatted.");
        auto* show = pdr->add_subcommand("show", "Whose volume it is, and what each member wrote last");
        show->callback([this] { command_ = ShowPdr{pdr_, false}; });
        auto* check = pdr->add_subcommand("check", "The same, and every fault; exit status 1 if there is one");
        check->callback([this] { command_ = ShowPdr{pdr_, true}; });
        auto* move = pdr->add_subcommand("move", "Go on on another volume, while guests run");
        move->add_option("VOLUME", move_pdr_.to, "The new one, by a path that all members have")->required();
        move->add_flag("--force", move_pdr_.force, "Although it is not empty, or smaller: what it holds is lost");
        move->callback([this] {
            move_pdr_.place = pdr_;
            command_ = move_pdr_;
        });
        move->footer(
            "On one member, while all are Joined. It says what to do then: system.toml names the new volume, and\n"
            "ssi-guard and ssid are restarted on every member.");
        for (auto* verb : {format, show, check, move}) {
            verb->add_option("--device", pdr_.device, "The volume; default: [pdr] device of the configuration");
            verb->add_option("--config", pdr_.config, "Configuration of the cluster")->capture_default_str();
        }
    }

    void add_engine() {
        auto* engine = app_.add_subcommand("engine", "The cluster's store: its voters, and the ways out of trouble");
        call(engine, "status", "Voters, who leads, room, and what is wrong",
             {.method = "EngineStatus", .timeout = kQuick * 4, .render = render_engine});
        auto* backup = engine->add_subcommand("backup", "Copy the cluster's whole state into a file");
        backup->add_option("FILE", back_up_.file, "Where the copy goes; readable for root alone")->required();
        backup->add_flag("--force", back_up_.overwrite, "Replace what is there");
        backup->callback([this] { command_ = back_up_; });
        auto* restore = engine->add_subcommand("restore", "Begin the cluster anew with such a copy, on this member");
        restore->add_option("FILE", restore_.file, "The copy")->required();
        restore->callback([this] {
            restore_.yes = yes_;
            command_ = restore_;
        });
        restore->footer(
            "Refused while the engine serves. What was written after the copy was made is lost. The data that is here\n"
            "is put aside; the other members join anew. Stop ssi-etcd on all of them first.");
        auto* force = call(engine, "force", "Go on with this member's data alone, without a majority",
                           {.method = "EngineForce",
                            .timeout = kForce,
                            .render = render_recovery,
                            .confirmation = "force",
                            .warning = "The engine is to go on with what this member knows, without the other voters.\n"
                                       "If one of them still runs, the cluster is in two parts that know nothing of "
                                       "each other.\n"});
        force->footer(
            "The last resort: bring voters back instead if that can be done at all. Refused while the engine serves,\n"
            "and when a member that can be reached has a newer log. All voters that do not answer must be off.");
        for (auto* verb : {restore, force}) verb->add_flag("--yes", yes_, "Do not ask");
        call(engine, "compact", "Make room in the engine's database, and let it write again",
             {.method = "EngineCompact", .timeout = kForce, .render = render_compaction});
    }

    void add_drill() {
        auto* drill = app_.add_subcommand("drill", "Rehearse failures, and see that the rules hold");
        auto* list = drill->add_subcommand("list", "The drills there are");
        list->callback([this] { command_ = ListDrills{drill_.directory}; });
        auto* run = drill->add_subcommand("run", "Make the faults of a drill, watch what comes of them, and judge it");
        run->add_option("NAME", drill_.name, "Name of the drill")->required();
        run->add_option("--guest", drill_.guest, "The guest that is watched, and whose member suffers")->required();
        run->add_option("--report", drill_.report, "Write the report to this directory: text, picture and JSON");
        run->add_flag("--yes", drill_.yes, "Do not ask for the cluster's name to be typed");
        run->add_option("--config", drill_.config, "Configuration of the cluster")->capture_default_str();
        run->callback([this] { command_ = drill_; });
        for (auto* verb : {list, run})
            verb->add_option("--directory", drill_.directory, "Where the scenarios lie")->capture_default_str();
        run->footer(
            "The faults are real: a power cut is one. Exit status 0: passed, 1: a rule was broken, or it went "
            "otherwise\n"
            "than expected.\nExample:\n  ssictl drill run power-cut --guest linux01 --report /root/drills");
    }

    CLI::App app_{"Shows and directs an SSI cluster: hosts that run their guests as one system.", "ssictl"};
    std::optional<Command> command_;
    ConfigVerbs config_;
    MemberVerbs members_;
    bool json_ = false;
    std::string guest_;
    std::string member_;
    std::string why_;
    std::string restart_;
    std::string prefer_;
    std::string priority_;
    std::string limit_;
    bool names_only_ = false;
    bool yes_ = false;
    InitAuthority init_{"/etc/ssi/pki", "", "/etc/ssi/system.toml", false};
    IssueCertificate issue_{"/etc/ssi/pki", "", false};
    RotateCertificates rotate_;
    std::string directory_ = "/etc/ssi/pki";
    PdrPlace pdr_;
    FormatPdr format_pdr_;
    PdrMove move_pdr_;
    BackUpEngine back_up_;
    RestoreEngine restore_;
    RunDrill drill_{"/usr/share/ssi/drills", "/etc/ssi/system.toml", "", "", "", false};
    ShowLinks show_;
    WatchLinks watch_;
    double interval_s_ = 1.0;
    std::string channel_;
    std::string own_address_;
    std::string peer_address_;
    std::string interface_;
    std::string port_;
};

}  // namespace

std::expected<Invocation, Answered> parse_command_line(std::vector<std::string> arguments) {
    return CommandLine().parse(std::move(arguments));
}

}  // namespace ssi::ctl
