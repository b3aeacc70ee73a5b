#include "tools/ssictl/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>
#include <sstream>
#include <utility>

namespace ssi::ctl {
namespace {

using namespace std::chrono_literals;

constexpr auto kQuick = 10s;
constexpr auto kStart = 120s;  // ssid gives up after 60 s
constexpr auto kMove = 2h;     // ssid gives up after 1 h

constexpr int kUsage = 2;

constexpr auto kExamples = R"(Examples:
  ssictl query ssi                         who is there, and in which state
  ssictl guest start linux01 --member MEMBER2
  ssictl relocate move linux01 MEMBER2     without stopping it
  ssictl guest list --json

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
        add_link();
        add_authority();
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
            if (names_only_) call.render = call.method == "QuerySsi" ? render_member_names : render_guest_names;
            if (call.method == "MemberSetDown" && !yes_) call.confirmation = member_;
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
        offer_names(call(query, "ssi", "Members, their states and signs of life",
                         {.method = "QuerySsi", .timeout = kQuick, .render = render_cluster}));
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
        want_guest(call(guest, "shutdown", "Ask a guest to shut down (as its power button does)",
                        {.method = "GuestShutdown", .timeout = kQuick * 2, .render = render_shut_down}, {&guest_}));
        want_guest(call(guest, "destroy", "End a guest at once (as if its power were cut)",
                        {.method = "GuestDestroy", .timeout = kQuick * 2, .render = render_destroyed}, {&guest_}));
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
        auto* member = app_.add_subcommand("member", "Take members out of the cluster");
        auto* set_down = call(member, "set-down", "Declare a member dead: you have seen that it is off",
                              {.method = "MemberSetDown", .timeout = kQuick * 2, .render = render_member}, {&member_});
        want_member(set_down);
        set_down->add_flag("--yes", yes_, "Do not ask for its name to be typed again");
        set_down->footer(
            "Its guests are started elsewhere. If it is not off, they then run twice and their disks are lost.");
        call(member, "leave", "This member leaves the cluster in order; it must run no guests",
             {.method = "MemberLeave", .timeout = kQuick * 3, .render = render_member});
    }

    void add_link() {
        auto* link = app_.add_subcommand("link", "Show the links to other members");
        call(link, "list", "Links and their channels",
             {.daemon = Daemon::kIsfcd, .method = "Query", .timeout = kQuick, .render = render_links});
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
        authority->footer(
            "Once, on one member:\n  ssictl ca init\n  ssictl ca issue MEMBER1\n  ssictl ca issue MEMBER2\n"
            "Then ca.crt, MEMBER.crt and MEMBER.key go to /etc/ssi/pki of that member. ca.key stays where it is.");
    }

    CLI::App app_{"Shows and directs an SSI cluster: hosts that run their guests as one system.", "ssictl"};
    std::optional<Command> command_;
    bool json_ = false;
    std::string guest_;
    std::string member_;
    bool names_only_ = false;
    bool yes_ = false;
    InitAuthority init_{"/etc/ssi/pki", "", "/etc/ssi/system.toml", false};
    IssueCertificate issue_{"/etc/ssi/pki", "", false};
};

}  // namespace

std::expected<Invocation, Answered> parse_command_line(std::vector<std::string> arguments) {
    return CommandLine().parse(std::move(arguments));
}

}  // namespace ssi::ctl
