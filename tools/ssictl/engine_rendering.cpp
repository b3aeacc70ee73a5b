#include "tools/ssictl/engine_rendering.hpp"

#include <format>

#include "tools/ssictl/document_cells.hpp"
#include "tools/ssictl/table.hpp"

namespace ssi::ctl {
namespace {

std::string voter_remark(const json::Object& voter) {
    const auto fault = text_of(voter, "fault");
    if (!fault.empty()) return fault;
    if (!json::boolean_or(voter, "started", true)) return "has not started yet";
    return "";
}

std::string database(const json::Object& voter) {
    if (json::number_or(voter, "database_bytes", 0) == 0) return "-";
    return std::format("{} ({} in use)", bytes(voter, "database_bytes"), bytes(voter, "database_used_bytes"));
}

}  // namespace

Result<std::string> render_engine(const json::Object& document) {
    const auto voters = entries(document, "voters");
    if (!voters) return std::unexpected(voters.error());
    const auto alarms = entries(document, "alarms");
    if (!alarms) return std::unexpected(alarms.error());
    std::string result;
    const auto line = [&](std::string_view label, const std::string& value) {
        if (!value.empty()) result += printable(std::format("{:<12}{}", label, value)) + '\n';
    };
    line("Serves:", json::boolean_or(document, "serves", false) ? "yes" : "no: " + text_of(document, "reason"));
    line("This seat:", std::format("{} ({})", text_of(document, "seat"), text_of(document, "member")));
    if (json::number_or(document, "lineage", 0) > 0)
        line("Lineage:", std::format("{}: so often this state was recovered by force", number_of(document, "lineage")));
    if (const auto log = json::object(document, "log"))
        line("Own log:",
             std::format("ends with entry {} of term {}", number_of(*log, "last_index"), number_of(*log, "last_term")));
    line("Quota:", bytes(document, "quota_bytes"));
    line("Reserve:", json::boolean_or(document, "reserve", false) ? "set aside" : "none");
    line("FAULT:", text_of(document, "fault"));
    if (const auto ended = json::object(document, "ended"); ended && text_of(*ended, "why") != "stopped")
        line("Last end:", text_of(*ended, "what"));
    if (const auto trouble = json::object(document, "trouble")) line("Voters:", text_of(*trouble, "what"));
    for (const auto& alarm : *alarms)
        line("ALARM:", std::format("{} of voter {}", text_of(alarm, "kind"), text_of(alarm, "id")));
    Table table({{"VOTER"}, {"ROLE"}, {"LEADS"}, {"ETCD"}, {"DATABASE"}, {"ID"}, {""}});
    for (const auto& voter : *voters) {
        const auto name = text_of(voter, "name");
        table.add({name.empty() ? "(not in system.toml)" : name, text_of(voter, "role"),
                   json::boolean_or(voter, "leads", false) ? "yes" : "", text_of(voter, "version"), database(voter),
                   text_of(voter, "id"), voter_remark(voter)});
    }
    return result + table.text();
}

Result<std::string> render_recovery(const json::Object& document) {
    const auto member = json::text(document, "member");
    if (!member) return std::unexpected(member.error());
    return printable(std::format("the engine goes on from {} alone, lineage {}; the other members join it anew",
                                 *member, number_of(document, "lineage"))) +
           '\n';
}

Result<std::string> render_backup(const json::Object& document) {
    const auto file = json::text(document, "file");
    if (!file) return std::unexpected(file.error());
    return printable(std::format("wrote {}: {}, a copy of the engine on {}", *file, bytes(document, "bytes"),
                                 text_of(document, "from"))) +
           '\n';
}

Result<std::string> render_compaction(const json::Object& document) {
    const auto size = json::number(document, "database_bytes");
    if (!size) return std::unexpected(size.error());
    return std::format("the engine's database takes {} of {}, {} in use\n", bytes(document, "database_bytes"),
                       bytes(document, "quota_bytes"), bytes(document, "database_used_bytes"));
}

}  // namespace ssi::ctl
