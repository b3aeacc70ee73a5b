#include "daemons/ssid/engine_parts.hpp"

#include <algorithm>
#include <utility>

#include "daemons/ssid/engine/log_service.hpp"
#include "daemons/ssid/engine/witness_log.hpp"
#include "daemons/ssid/membership/voter_standing.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

using boost::asio::awaitable;

std::optional<RecordedVerdicts> verdicts_on(const std::shared_ptr<WitnessVolume>& volume,
                                            const EngineParts::Sources& of) {
    if (!volume) return std::nullopt;
    const auto& timing = of.config.timing;
    return std::optional<RecordedVerdicts>(std::in_place, *of.config.find(of.membership.own()), volume, of.watch,
                                           of.pdr, of.view, of.clock, of.executor, timing.lease + timing.beat);
}

}  // namespace

EngineParts::EngineParts(const Sources& sources)
    : of_(sources),
      units_(of_.bus),
      unit_control_(units_),
      director_(of_.config, of_.membership.own(), unit_control_),
      voters_(of_.config, of_.membership.own(), of_.engine, director_, of_.clock, of_.executor),
      witness_(of_.config, of_.membership.own(), unit_control_, of_.clock, of_.executor),
      verdicts_(verdicts_on(witness_.volume(), of_)),
      witness_facts_(
          {of_.config, of_.membership, of_.watch, of_.pdr, of_.view, of_.engine, voters_, of_.clock, of_.executor}) {
    voters_.facts = [this] { return voter_facts(); };
    voters_.newest_lineage = [this] { return newest_lineage(); };
    witness_facts_.serve(witness_, verdicts());
    of_.membership.after_left = [this] { return witness_.until_free(); };
}

/// The list of voters is changed by the member that acts for all.
std::optional<VoterKeeper::Facts> EngineParts::voter_facts() {
    if (!of_.membership.has_majority() || !of_.watch.is_coordinator(of_.view.state())) return std::nullopt;
    return VoterKeeper::Facts{voter_candidates(of_.config, of_.view.state(), of_.watch.unheard()),
                              witness_facts_.standing(witness_)};
}

awaitable<std::uint64_t> EngineParts::newest_lineage() {
    std::uint64_t newest = 0;
    for (const auto& log : co_await reachable_logs(of_.executor, of_.config, of_.membership.own()))
        newest = std::max(newest, log.lineage);
    co_return newest;
}

Result<LogReports> EngineParts::log_reports() const {
    auto own = director_.log_report();
    if (!own) return std::unexpected(own.error());
    LogReports reports{*std::move(own)};
    // One that cannot be read now keeps back nothing of what our own tells.
    if (auto witness_here = witness_log_here({}, reports.own.lineage); witness_here)
        reports.witness = *std::move(witness_here);
    else
        log::warning("the witness's log cannot be told", witness_here.error());
    return reports;
}

}  // namespace ssi::cluster
