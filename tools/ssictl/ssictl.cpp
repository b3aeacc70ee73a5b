#include "tools/ssictl/ssictl.hpp"

#include <sys/stat.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <filesystem>
#include <format>
#include <istream>
#include <ostream>
#include <system_error>
#include <thread>
#include <utility>

#include "lib/common/json_message.hpp"
#include "lib/common/system_config.hpp"
#include "tools/ssictl/at.hpp"
#include "tools/ssictl/authority_verbs.hpp"
#include "tools/ssictl/command_line.hpp"
#include "tools/ssictl/config_documents.hpp"
#include "tools/ssictl/config_rendering.hpp"
#include "tools/ssictl/cp/names.hpp"
#include "tools/ssictl/daemon_call.hpp"
#include "tools/ssictl/directory_edits.hpp"
#include "tools/ssictl/directory_rendering.hpp"
#include "tools/ssictl/document_cells.hpp"
#include "tools/ssictl/drill/report.hpp"
#include "tools/ssictl/engine_rendering.hpp"
#include "tools/ssictl/link_rendering.hpp"
#include "tools/ssictl/link_watch.hpp"
#include "tools/ssictl/pdr_documents.hpp"
#include "tools/ssictl/rendering.hpp"

namespace ssi::ctl {
namespace {

constexpr std::chrono::minutes kCopy(10);
constexpr auto kRestorePlace = "/var/lib/ssi/engine-restore";  // where ssid looks for it
constexpr auto kRedraw = "\x1b[H\x1b[J";                       // cursor home, clear to the end

/// A copy for the owner alone.
Result<void> copy_privately(const std::filesystem::path& from, const std::filesystem::path& to) {
    const auto failed = [&](const std::error_code& error) {
        return system_failure(std::format("cannot copy {} to {}", from.string(), to.string()), to.string(),
                              error.value());
    };
    std::error_code error;
    std::filesystem::remove(to, error);
    if (error) return failed(error);
    const auto mask = ::umask(0077);
    std::filesystem::copy_file(from, to, error);
    ::umask(mask);
    if (error) return failed(error);
    std::filesystem::permissions(to, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, error);
    if (error) return failed(error);
    return {};
}

/// One invocation, with the streams it talks to.
class Run {
  public:
    Run(bool json, Words words, std::istream& input, std::ostream& output, std::ostream& errors, const Way& way,
        bool terminal)
        : json_(json),
          words_(std::move(words)),
          input_(input),
          output_(output),
          errors_(errors),
          way_(way),
          terminal_(terminal) {}

    Result<void> operator()(const DaemonCall& wanted) {
        if (auto confirmed = confirm(wanted.confirmation, wanted.warning); !confirmed) return confirmed;
        const auto document = call(wanted, way_);
        if (!document) return std::unexpected(document.error());
        if (!wanted.verdict.empty() && !json::boolean_or(*document, wanted.verdict, false)) status_ = 1;
        return print(*document, wanted.render);
    }

    Result<void> operator()(const ListMoves&) {
        const auto guests = call({.method = "GuestList", .timeout = kQuick}, way_);
        if (!guests) return std::unexpected(guests.error());
        boost::json::array moves;
        const auto* list = guests->if_contains("guests");
        for (const auto& guest : list != nullptr && list->is_array() ? list->get_array() : boost::json::array()) {
            if (!guest.is_object() || json::text_or(guest.get_object(), "phase", "") != "Relocating") continue;
            const auto name = json::text(guest.get_object(), "name");
            if (!name) return std::unexpected(name.error());
            auto move = call({.method = "RelocateStatus", .arguments = {*name}, .timeout = kQuick}, way_);
            if (!move) return std::unexpected(move.error());
            moves.emplace_back(std::move(*move));
        }
        return print({{"v", 1}, {"relocations", std::move(moves)}}, render_moves);
    }

    Result<void> operator()(const ShowCluster&) {
        const auto answers = call_all({{.method = "QuerySsi", .timeout = kQuick}, query_of_links()}, way_);
        const auto& cluster = answers.front();
        if (!cluster) return std::unexpected(cluster.error());
        // The cluster is shown also where isfcd is away; its links then show in islink list.
        const auto& links = answers.back();
        std::string warnings = links ? unencrypted_warnings(*links) : "";
        if (auto printed = print(*cluster, render_cluster); !printed) return printed;
        (json_ ? errors_ : output_) << warnings << std::flush;
        return {};
    }

    Result<void> operator()(const ShowLinks& wanted) {
        if (wanted.streams)
            return (*this)(DaemonCall{.daemon = Daemon::kIsfcd,
                                      .method = "Streams",
                                      .arguments = {wanted.member},
                                      .timeout = kQuick,
                                      .render = render_streams});
        auto document = call(query_of_links(), way_);
        if (document && !wanted.member.empty()) document = only_link(std::move(*document), wanted.member);
        if (!document) return std::unexpected(document.error());
        return print(*document, render_link_details);
    }

    Result<void> operator()(const WatchLinks& wanted) {
        LinkWatch watch(wanted.member);
        auto due = std::chrono::steady_clock::now();
        for (std::uint64_t shown = 0; wanted.count == 0 || shown < wanted.count;) {
            const auto document = call(query_of_links(), way_);
            if (!document) return std::unexpected(document.error());
            auto interval = watch.next(*document, std::chrono::steady_clock::now());
            if (!interval) return std::unexpected(interval.error());
            if (*interval) {
                if (auto printed = show_interval(**interval); !printed) return printed;
                if (++shown == wanted.count) break;
            }
            due += wanted.interval;
            std::this_thread::sleep_until(due);
        }
        return {};
    }

    Result<void> operator()(const AuthorityVerb& wanted) {
        const auto written = carry_out(wanted, words_);
        if (!written) return std::unexpected(written.error());
        return wrote(*written);
    }

    Result<void> operator()(const FormatPdr& wanted) {
        const auto document = format_pdr(wanted.place, wanted.force);
        if (!document) return std::unexpected(document.error());
        return print(*document, render_pdr);
    }

    Result<void> operator()(const PdrMove& wanted) {
        const auto ask = [this]() -> Result<std::optional<json::Object>> {
            auto cluster = call({.method = "QuerySsi", .timeout = kQuick}, way_);
            if (cluster) return *std::move(cluster);
            if (cluster.error().code == ErrorCode::kDaemonUnreachable) return std::nullopt;
            return std::unexpected(cluster.error());
        };
        const auto document = move_pdr(wanted, ask);
        if (!document) return std::unexpected(document.error());
        return print(*document, render_pdr_move);
    }

    Result<void> operator()(const ShowPdr& wanted) {
        const auto document = wanted.check ? check_pdr(wanted.place) : show_pdr(wanted.place);
        if (!document) return std::unexpected(document.error());
        if (faults_in(*document) > 0) status_ = 1;
        return print(*document, wanted.check ? render_pdr_check : render_pdr);
    }

    Result<void> operator()(const BackUpEngine& wanted) {
        if (!wanted.overwrite && std::filesystem::exists(wanted.file))
            return failure(ErrorCode::kUsage, std::format("{} is there already", wanted.file.string()),
                           wanted.file.string(), "another name, or --force");
        auto document = call({.method = "EngineBackup", .timeout = kCopy}, way_);
        if (!document) return std::unexpected(document.error());
        const auto made = json::text(*document, "file");
        if (!made) return std::unexpected(made.error());
        const auto copied = copy_privately(*made, wanted.file);
        std::error_code ignored;
        std::filesystem::remove(*made, ignored);
        if (!copied) return copied;
        (*document)["file"] = std::filesystem::absolute(wanted.file).string();
        return print(*document, render_backup);
    }

    Result<void> operator()(const RestoreEngine& wanted) {
        if (!std::filesystem::is_regular_file(wanted.file))
            return failure(ErrorCode::kUsage, std::format("{} is no file", wanted.file.string()), wanted.file.string(),
                           "a file that ssictl engine backup wrote");
        constexpr auto kWarning =
            "The cluster's state is to become that of the copy; everything that came after it is lost.\n"
            "If another voter still runs, the cluster is in two parts that know nothing of each other.\n"
            "Type \"restore\" if you have seen that they are off: ";
        if (auto confirmed = confirm(wanted.yes ? "" : "restore", kWarning); !confirmed) return confirmed;
        if (auto copied = copy_privately(wanted.file, kRestorePlace); !copied) return copied;
        const auto document = call({.method = "EngineRestore", .timeout = kCopy}, way_);
        std::error_code ignored;
        std::filesystem::remove(kRestorePlace, ignored);
        if (!document) return std::unexpected(document.error());
        return print(*document, render_recovery);
    }

    Result<void> operator()(const ListDrills& wanted) {
        const auto scenarios = load_scenarios(wanted.directory);
        if (!scenarios) return std::unexpected(scenarios.error());
        return print(drills_document(*scenarios), render_drills);
    }

    Result<void> operator()(const RunDrill& wanted) {
        const auto scenario = find_scenario(wanted.directory, wanted.name);
        if (!scenario) return std::unexpected(scenario.error());
        const auto site = open_site(wanted.config, way_.bus);
        if (!site) return std::unexpected(site.error());
        if (const auto home = check_drill(**site, *scenario, wanted.guest); !home) return std::unexpected(home.error());
        // A lab is there for it.
        if (!wanted.yes && !(*site)->is_lab())
            if (auto confirmed = confirm_drill(*scenario, (*site)->cluster()); !confirmed) return confirmed;
        const auto report = wanted.report.empty() ? wanted.report : std::filesystem::absolute(wanted.report);
        const auto outcome = run_drill(**site, *scenario, wanted.guest,
                                       {[this](const std::string& line) { tell(line); },
                                        [&](std::size_t next_step, const Sight& before) {
                                            return keep({std::filesystem::absolute(wanted.directory), wanted.name,
                                                         wanted.guest, report, next_step, before},
                                                        kInterruptedDrill);
                                        }});
        // It did not end with this member: there is nothing to resume.
        if (auto forgotten = forget_interruption(kInterruptedDrill); !forgotten) return forgotten;
        return report_drill(**site, *scenario, wanted.guest, outcome, report);
    }

    Result<void> operator()(const ResumeDrill& wanted) {
        const auto interrupted = kept_interruption(kInterruptedDrill);
        if (!interrupted) return std::unexpected(interrupted.error());
        const auto scenario = find_scenario(interrupted->directory, interrupted->drill);
        if (!scenario) return std::unexpected(scenario.error());
        const auto site = open_site(wanted.config, way_.bus);
        if (!site) return std::unexpected(site.error());
        const auto again = [](std::size_t, const Sight&) -> Result<void> {
            return failure(ErrorCode::kUsage, "one drill takes the power of its own member once");
        };
        const auto outcome =
            resume_drill(**site, *scenario, *interrupted, {[this](const std::string& line) { tell(line); }, again});
        if (!outcome) return std::unexpected(outcome.error());
        if (auto forgotten = forget_interruption(kInterruptedDrill); !forgotten) return forgotten;
        return report_drill(**site, *scenario, interrupted->guest, outcome, interrupted->report);
    }

    Result<void> operator()(const CheckConfig& wanted) {
        const auto document = check_config(wanted.file, words_);
        if (!document) return std::unexpected(document.error());
        if (problems_in(*document) > 0) status_ = 1;
        return print(*document, render_config_check);
    }

    Result<void> operator()(const ShowConfig& wanted) {
        const auto document = show_config(wanted.file, wanted.member, words_);
        if (!document) return std::unexpected(document.error());
        return print(*document, render_config);
    }

    Result<void> operator()(const DiffConfig& wanted) {
        auto document = call({.method = "ConfigDiff", .arguments = {wanted.member}, .timeout = kQuick * 2}, way_);
        if (!document) return std::unexpected(document.error());
        if (const auto links = call(query_of_links(), way_)) (*document)["not_in_file"] = run_time_channels(*links);
        return print(*document, render_config_diff);
    }

    Result<void> operator()(const ReloadConfig& wanted) {
        const auto document =
            call({.method = "ConfigReload", .arguments = {wanted.all ? "all" : ""}, .timeout = kQuick * 30}, way_);
        if (!document) return std::unexpected(document.error());
        if (refusals_in(*document) > 0) status_ = 1;
        return print(*document, render_config_reload);
    }

    Result<void> operator()(const PutDefinition& wanted) {
        const auto document = put_definition(wanted, input_, way_);
        if (!document) return std::unexpected(document.error());
        return print(*document, render_change);
    }

    Result<void> operator()(const EditDefinition& wanted) {
        const auto document = edit_definition(wanted, input_, errors_, way_);
        if (!document) return std::unexpected(document.error());
        return print(*document, render_change);
    }

    Result<void> operator()(const PrintVersion&) {
        return print({{"v", 1}, {"version", SSI_VERSION}},
                     [](const json::Object&) -> Result<std::string> { return "ssictl " SSI_VERSION "\n"; });
    }

    Result<void> operator()(const AtCommand& wanted) {
        const auto done = run_at(wanted, json_, input_, output_, errors_, way_);
        if (!done) return std::unexpected(done.error());
        status_ = *done;
        return {};
    }

    Result<void> operator()(const CpCommand& wanted) {
        const auto found =
            cp::with_names_found(wanted.reading, [this](cp::Element::Kind kind) { return known_names(kind); });
        if (!found) return std::unexpected(found.error());
        const auto verb = parse_command_line(cp::verb_words(*found));
        if (!verb) return failure(ErrorCode::kUsage, verb.error().errors);  // it was understood with the names as typed
        return std::visit(*this, verb->command);
    }

    /// What was asked for was done, and this is what it says.
    [[nodiscard]] int status() const { return status_; }

  private:
    /// None where ssid does not say: a name then stays as it was typed, and whoever is called next answers for it.
    [[nodiscard]] std::vector<std::string> known_names(cp::Element::Kind kind) const {
        const bool of_guests = kind == cp::Element::Kind::kGuest;
        const auto document = call({.method = of_guests ? "GuestList" : "QuerySsi", .timeout = kQuick}, way_);
        if (!document) return {};
        const auto objects = entries(*document, of_guests ? "guests" : "members");
        std::vector<std::string> names;
        if (objects)
            for (const auto& object : *objects) names.push_back(text_of(object, "name"));
        return names;
    }

    static DaemonCall query_of_links() { return {.daemon = Daemon::kIsfcd, .method = "Query", .timeout = kQuick}; }

    /// One document a line with --json, so that a program can read them as they come.
    Result<void> show_interval(json::Object interval) {
        const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
        json::Object document{{"v", 1}, {"time", std::format("{:%FT%TZ}", now)}};
        for (auto& [key, value] : interval) document.emplace(key, std::move(value));
        if (json_) {
            output_ << boost::json::serialize(document) << '\n' << std::flush;
            return {};
        }
        const auto text = terminal_ ? render_watch_table(document) : render_watch_lines(document);
        if (!text) return std::unexpected(text.error());
        output_ << (terminal_ ? kRedraw : "") << *text << std::flush;
        return {};
    }

    Result<void> wrote(const std::vector<std::filesystem::path>& files) {
        boost::json::array names;
        for (const auto& file : files) names.emplace_back(file.string());
        return print({{"v", 1}, {"files", std::move(names)}}, [](const json::Object& document) -> Result<std::string> {
            std::string text;
            for (const auto& file : document.at("files").as_array())
                text += std::format("wrote {}\n", std::string_view(file.as_string()));
            return text;
        });
    }

    Result<void> print(const json::Object& document, Rendering render) {
        auto text = json_ ? Result<std::string>(pretty(document)) : render(document);
        if (!text) return std::unexpected(text.error());
        output_ << *text << std::flush;
        return {};
    }

    Result<void> confirm(const std::string& wanted, const std::string& warning) {
        if (wanted.empty()) return {};
        if (warning.empty())
            errors_ << std::format(
                "{0} is to be declared dead, and its guests are to be started elsewhere.\n"
                "If {0} is not off, they will run twice and their disks will be lost.\n"
                "Type its name if you have seen that it is off: ",
                wanted);
        else
            errors_ << warning;
        errors_ << std::flush;
        std::string typed;
        if (std::getline(input_, typed) && typed == wanted) return {};
        return failure(ErrorCode::kUsage, "not confirmed, so nothing was done", wanted,
                       std::format("type {}, or give --yes", wanted));
    }

    /// A line of a drill's timeline as it comes.
    void tell(const std::string& line) { (json_ ? errors_ : output_) << line << std::endl; }

    Result<void> report_drill(const Site& site, const Scenario& scenario, const std::string& guest,
                              const Result<DrillOutcome>& outcome, const std::filesystem::path& directory) {
        if (!outcome) return std::unexpected(outcome.error());
        if (!outcome->passed()) status_ = 1;
        const auto document = drill_document(site, scenario, guest, *outcome);
        if (!directory.empty())
            if (const auto written = write_report(document, directory); !written)
                return std::unexpected(written.error());
        return print(document, render_verdict);
    }

    Result<void> confirm_drill(const Scenario& scenario, const std::string& cluster) {
        errors_ << std::format(
                       "{}.\n{}\nThe faults are real. Type the name of this cluster, {}, if it is the one that is to "
                       "suffer them: ",
                       scenario.title, scenario.about, cluster)
                << std::flush;
        std::string typed;
        if (std::getline(input_, typed) && typed == cluster) return {};
        return failure(ErrorCode::kUsage, "not confirmed, so nothing was done", cluster,
                       "type the cluster's name, or give --yes");
    }

    bool json_;
    const Words words_;
    std::istream& input_;
    std::ostream& output_;
    std::ostream& errors_;
    const Way& way_;
    bool terminal_;
    int status_ = 0;
};

}  // namespace

int exit_status(const Error& error) {
    switch (error.code) {
        case ErrorCode::kUsage:
            return kUsageStatus;
        case ErrorCode::kDaemonUnreachable:
            return 3;
        default:
            return 1;
    }
}

int run(std::vector<std::string> arguments, std::istream& input, std::ostream& output, std::ostream& errors,
        const Way& way, bool terminal) {
    const auto invocation = parse_command_line(arguments);
    if (!invocation) {
        output << invocation.error().output;
        errors << invocation.error().errors;
        return invocation.error().status;
    }
    Run runner(invocation->json, std::move(arguments), input, output, errors, way, terminal);
    const auto done = std::visit([&](const auto& command) { return runner(command); }, invocation->command);
    if (done) return runner.status();
    if (invocation->json) output << pretty(json::Object{{"v", 1}, {"error", json::from_error(done.error())}});
    errors << render_error(done.error());
    return exit_status(done.error());
}

}  // namespace ssi::ctl
