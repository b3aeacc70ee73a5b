#include "daemons/ssid/engine/log_report.hpp"

#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <format>
#include <tuple>
#include <utility>

#include "daemons/ssid/engine/voter_keeper.hpp"
#include "lib/common/json_message.hpp"

namespace ssi::cluster {
namespace {

std::string position(const LogReport& report) {
    return std::format("term {}, entry {}", report.last_term, report.last_index);
}

json::Object to_json(const LogReport& report) {
    return {{"member", report.member},
            {"voter", std::to_string(report.voter_id)},
            {"cluster", std::to_string(report.cluster_id)},
            {"last_term", report.last_term},
            {"last_index", report.last_index},
            {"lineage", report.lineage}};
}

Result<LogReport> from_json(const json::Object& object) {
    const auto member = json::text(object, "member");
    const auto term = json::unsigned_number(object, "last_term");
    const auto index = json::unsigned_number(object, "last_index");
    const auto lineage = json::unsigned_number(object, "lineage");
    if (!member) return std::unexpected(member.error());
    if (!term) return std::unexpected(term.error());
    if (!index) return std::unexpected(index.error());
    if (!lineage) return std::unexpected(lineage.error());
    const auto number = [&](std::string_view field) {
        return std::strtoull(json::text_or(object, field, "0").c_str(), nullptr, 10);
    };
    return LogReport{*member, number("voter"), number("cluster"), *term, *index, *lineage};
}

}  // namespace

std::string encode(const LogReports& reports) {
    auto object = to_json(reports.own);
    object["v"] = 1;
    if (reports.witness) object["witness"] = to_json(*reports.witness);
    return boost::json::serialize(object);
}

Result<LogReports> decode_log_reports(std::string_view text) {
    const auto object = json::parse(text, "engine-log", kLongestReport);
    if (!object) return std::unexpected(object.error());
    auto own = from_json(*object);
    if (!own) return std::unexpected(own.error());
    LogReports reports{*std::move(own)};
    // A member of an earlier version tells of none.
    if (const auto* said = object->if_contains("witness"); said != nullptr && said->is_object()) {
        auto witness = from_json(said->get_object());
        if (!witness) return std::unexpected(witness.error());
        reports.witness = *std::move(witness);
    }
    return reports;
}

Result<void> decide_force(const LogReport& own, const std::vector<LogReport>& others) {
    for (const auto& other : others) {
        if (other.voter_id == 0 || other.lineage < own.lineage) continue;
        const auto refuse = [&](const std::string& why) {
            // What it holds comes to a member only while it votes.
            const auto remedy = other.member == kWitnessName
                                    ? std::string(
                                          "give it to a member that lives: ssictl member set-down HOLDER, with "
                                          "the holder as ssictl pdr show names it")
                                    : std::format("on {}: ssictl engine force", other.member);
            return failure(ErrorCode::kEngineFailed,
                           std::format("{} of the engine's log on {} is not the newest: {} has {}", position(own),
                                       own.member, other.member, why),
                           other.member, remedy);
        };
        if (other.lineage > own.lineage)
            return refuse(std::format("{} forced recoveries behind it, this member {}", other.lineage, own.lineage));
        if (std::tie(other.last_term, other.last_index) > std::tie(own.last_term, own.last_index))
            return refuse(position(other));
    }
    return {};
}

}  // namespace ssi::cluster
