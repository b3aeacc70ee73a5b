#include "tools/ssictl/engine_verbs.hpp"

#include <chrono>
#include <string>
#include <utility>

#include "tools/ssictl/engine_rendering.hpp"

namespace ssi::ctl {
namespace {

using namespace std::chrono_literals;

constexpr auto kStatus = 40s;
constexpr auto kRepair = 10min;

constexpr auto kForceWarning =
    "The engine is to go on with what this member knows, without the other voters.\n"
    "If one of them still runs, the cluster is in two parts that know nothing of each other.\n"
    "Type \"force\" if you have seen that they are off: ";

}  // namespace

void EngineVerbs::add(CLI::App& app, std::optional<Command>& command) {
    auto* engine = app.add_subcommand("engine", "The cluster's store: its voters, and the ways out of trouble");
    const auto verb = [&](const std::string& name, const std::string& description, DaemonCall call) {
        auto* made = engine->add_subcommand(name, description);
        made->callback([this, &command, call = std::move(call)] {
            command = call;
            if (yes_) std::get<DaemonCall>(*command).confirmation.clear();
        });
        return made;
    };
    verb("status", "Voters, who leads, room, and what is wrong",
         {.method = "EngineStatus", .timeout = kStatus, .render = render_engine});
    auto* backup = engine->add_subcommand("backup", "Copy the cluster's whole state into a file");
    backup->add_option("FILE", back_up_.file, "Where the copy goes; readable for root alone")->required();
    backup->add_flag("--force", back_up_.overwrite, "Replace what is there");
    backup->callback([this, &command] { command = back_up_; });
    auto* restore = engine->add_subcommand("restore", "Begin the cluster anew with such a copy, on this member");
    restore->add_option("FILE", restore_.file, "The copy")->required();
    restore->callback([this, &command] {
        restore_.yes = yes_;
        command = restore_;
    });
    restore->footer(
        "Refused while the engine serves. What was written after the copy was made is lost. The data that is here\n"
        "is put aside; the other members join anew. Stop ssi-etcd on all of them first.");
    auto* force = verb("force", "Go on with this member's data alone, without a majority",
                       {.method = "EngineForce",
                        .timeout = kRepair,
                        .render = render_recovery,
                        .confirmation = "force",
                        .warning = kForceWarning});
    force->footer(
        "The last resort: bring voters back instead if that can be done at all. Refused while the engine serves,\n"
        "and when a member that can be reached, or the witness, has a newer log. All voters that do not answer must\n"
        "be off.");
    for (auto* drastic : {restore, force}) drastic->add_flag("--yes", yes_, "Do not ask");
    verb("compact", "Make room in the engine's database, and let it write again",
         {.method = "EngineCompact", .timeout = kRepair, .render = render_compaction});
}

}  // namespace ssi::ctl
