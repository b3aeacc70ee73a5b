#include "tools/ssictl/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <optional>
#include <sstream>
#include <utility>

#include "tools/ssictl/at_verb.hpp"
#include "tools/ssictl/config_verbs.hpp"
#include "tools/ssictl/cp/verb.hpp"
#include "tools/ssictl/directory_verbs.hpp"
#include "tools/ssictl/engine_verbs.hpp"
#include "tools/ssictl/link_verbs.hpp"
#include "tools/ssictl/member_verbs.hpp"
#include "tools/ssictl/pdr_verbs.hpp"

namespace ssi::ctl {
namespace {

using namespace std::chrono_literals;

constexpr auto kStart = 120s;  // ssid gives up after 60 s
constexpr auto kMove = 2h;     // ssid gives up after 1 h
constexpr auto kTest = 10min;  // each agent ends within its timeout_s

constexpr auto kExamples = R"(Examples:
  ssictl query ssi                         who is there, and in which state
  ssictl guest start linux01 --member MEMBER2
  ssictl relocate move linux01 MEMBER2     without stopping it
  ssictl guest list --json
  ssictl islink watch                      what the channels to the other members carry
  ssictl cp 'QUERY NAMES'                  in z/VM's words; ssictl cp HELP lists them

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
        directory_.add(app_, command_);
        add_relocate();
        add_member();
        add_fencing();
        links_.add(app_, command_);
        app_.add_subcommand("reload", "isfcd of this member reads system.toml, isfc.d and certificates again")
            ->callback([this] {
                command_ = DaemonCall{
                    .daemon = Daemon::kIsfcd, .method = "Reload", .timeout = kQuick * 3, .render = render_reload};
            });
        config_.add(app_, command_);
        add_authority();
        pdr_.add(app_, command_);
        engine_.add(app_, command_);
        add_drill();
        cp_.add(app_);
        at_.add(app_);
        app_.add_subcommand("version", "Print the version")->callback([this] { command_ = PrintVersion{}; });
    }

    std::expected<Invocation, Answered> parse(std::vector<std::string> arguments) {
        arguments = AtVerb::in_order(cp::CpVerb::in_order(std::move(arguments)));
        std::ranges::reverse(arguments);  // as CLI11 wants them
        try {
            app_.parse(std::move(arguments));
        } catch (const CLI::ParseError& error) {
            std::ostringstream output;
            std::ostringstream errors;
            if (app_.exit(error, output, errors) == 0) return std::unexpected(Answered{0, output.str(), ""});
            return std::unexpected(Answered{kUsageStatus, "", "ssictl: " + errors.str()});
        }
        if (cp_.is_wanted()) return cp_.read(json_);
        if (at_.is_wanted()) return at_.read(json_);
        // CLI11 can demand a subcommand itself, but then a mistyped one is called a missing one.
        if (!command_) return std::unexpected(Answered{kUsageStatus, "", help_of_last()});
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
        call(query, "names", "Which guests run where",
             {.method = "GuestList", .timeout = kQuick, .render = render_residents});
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
        auto* discard = call(guest, "discard", "Give up the saved memory of a guest, so that it may start anywhere",
                             {.method = "GuestDiscard", .timeout = kQuick * 2, .render = render_discarded}, {&guest_});
        want_guest(discard);
        discard->footer(
            "For a guest that was saved (virsh managedsave) on a member that does not come back. It starts as\n"
            "after a power cut; the image is never restored.");
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
            rotate_.directory = authority_directory_;
            command_ = rotate_;
        });
        auto* retire =
            authority->add_subcommand("retire", "End what rotate --authority began: trust the new one alone");
        retire->callback([this] { command_ = RetireAuthority{authority_directory_}; });
        for (auto* verb : {rotate, retire})
            verb->add_option("--directory", authority_directory_, "Where the authority lies")->capture_default_str();
        rotate->footer(
            "No stream ends, whatever the order:\n  copy ca.crt, MEMBER.crt and MEMBER.key to /etc/ssi/pki of each "
            "member\n  ssictl reload, on each member\nAfter --authority, when all have them:\n  ssictl ca retire\n  "
            "copy ca.crt to each member\n  ssictl reload, on each member");
        authority->footer(
            "Once, on one member:\n  ssictl ca init\n  ssictl ca issue MEMBER1\n  ssictl ca issue MEMBER2\n"
            "Then ca.crt, MEMBER.crt and MEMBER.key go to /etc/ssi/pki of that member. ca.key stays where it is.");
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
        auto* resume = drill->add_subcommand("resume", "Go on with a drill that took the power of this member, too");
        resume->add_option("--config", drill_.config, "Configuration of the cluster")->capture_default_str();
        resume->callback([this] { command_ = ResumeDrill{drill_.config}; });
        resume->footer("On the member on which it was run, when that is up again. Its report goes where it was to go.");
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
    cp::CpVerb cp_;
    AtVerb at_;
    DirectoryVerbs directory_;
    EngineVerbs engine_;
    LinkVerbs links_;
    MemberVerbs members_;
    PdrVerbs pdr_;
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
    std::string authority_directory_ = "/etc/ssi/pki";
    RunDrill drill_{"/usr/share/ssi/drills", "/etc/ssi/system.toml", "", "", "", false};
};

}  // namespace

std::expected<Invocation, Answered> parse_command_line(std::vector<std::string> arguments) {
    return CommandLine().parse(std::move(arguments));
}

}  // namespace ssi::ctl
