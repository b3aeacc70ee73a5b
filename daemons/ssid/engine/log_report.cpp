#include "daemons/ssid/engine/log_report.hpp"

#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <format>
#include <tuple>

#include "lib/common/json_message.hpp"

namespace ssi::cluster {
namespace {

constexpr std::size_t kLongestReport = 4096;

std::string position(const LogReport& report) {
    return std::format("term {}, entry {}", report.last_term, report.last_index);
}

}  // namespace

std::string encode(const LogReport& report) {
    return boost::json::serialize(json::Object{{"v", 1},
                                               {"member", report.member},
                                               {"voter", std::to_string(report.voter_id)},
                                               {"cluster", std::to_string(report.cluster_id)},
                                               {"last_term", report.last_term},
                                               {"last_index", report.last_index},
                                               {"lineage", report.lineage}});
}

Result<LogReport> decode_log_report(std::string_view text) {
    const auto object = json::parse(text, "engine-log", kLongestReport);
    if (!object) return std::unexpected(object.error());
    const auto member = json::text(*object, "member");
    const auto term = json::unsigned_number(*object, "last_term");
    const auto index = json::unsigned_number(*object, "last_index");
    const auto lineage = json::unsigned_number(*object, "lineage");
    if (!member) return std::unexpected(member.error());
    if (!term) return std::unexpected(term.error());
    if (!index) return std::unexpected(index.error());
    if (!lineage) return std::unexpected(lineage.error());
    const auto number = [&](std::string_view field) {
        return std::strtoull(json::text_or(*object, field, "0").c_str(), nullptr, 10);
    };
    return LogReport{*member, number("voter"), number("cluster"), *term, *index, *lineage};
}

Result<void> decide_force(const LogReport& own, const std::vector<LogReport>& others) {
    for (const auto& other : others) {
        if (other.voter_id == 0 || other.lineage < own.lineage) continue;
        const auto refuse = [&](const std::string& why) {
            return failure(ErrorCode::kEngineFailed,
                           std::format("{} of the engine's log on {} is not the newest: {} has {}", position(own),
                                       own.member, other.member, why),
                           other.member, std::format("on {}: ssictl engine force", other.member));
        };
        if (other.lineage > own.lineage)
            return refuse(std::format("{} forced recoveries behind it, this member {}", other.lineage, own.lineage));
        if (std::tie(other.last_term, other.last_index) > std::tie(own.last_term, own.last_index))
            return refuse(position(other));
    }
    return {};
}

}  // namespace ssi::cluster
