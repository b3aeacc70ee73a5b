#include "tools/ssictl/rendering.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <format>
#include <optional>
#include <utility>
#include <vector>

#include "tools/ssictl/document_cells.hpp"
#include "tools/ssictl/table.hpp"

namespace ssi::ctl {
namespace {

using Align = Table::Align;

std::string dash_if_empty(std::string text) {
    return text.empty() ? "-" : text;
}

std::string seconds(std::int64_t milliseconds) {
    return std::format("{}.{:03} s", milliseconds / 1000, milliseconds % 1000);
}

std::string age(const json::Object& member, std::string_view field) {
    const auto* value = member.if_contains(field);
    if (value == nullptr || !value->is_number()) return "-";
    return std::format("{:.1f} s ago", static_cast<double>(json::number_or(member, field, 0)) / 1000);
}

/// Whether it votes itself, and whether the witness's vote is with it.
std::string votes_of(const json::Object& member) {
    const std::string own = json::boolean_or(member, "voter", false) ? "yes" : "no";
    const auto slot = json::object(member, "slot_record");
    return own + (slot && json::boolean_or(*slot, "witness_serving", false) ? ", witness" : "");
}

/// "PDR: /dev/sda", and what is wrong with it; empty: the cluster has none.
std::string describe_pdr(const json::Object& document) {
    const auto pdr = json::object(document, "pdr");
    if (!pdr) return "";
    const auto fault = text_of(*pdr, "fault");
    return printable(std::format("PDR: {}{}{}", text_of(*pdr, "device"),
                                 json::boolean_or(*pdr, "readable", false) ? "" : ", NOT READABLE",
                                 fault.empty() ? "" : ": " + fault)) +
           '\n';
}

/// " by root on MEMBER1 since 2026-11-29T16:30:00Z: network work", and the same of nobody's word: "".
std::string describe_word(const std::optional<json::Object>& word) {
    if (!word) return "";
    const auto why = text_of(*word, "why");
    return std::format(" by {} on {} since {}{}", text_of(*word, "who"), text_of(*word, "at"), text_of(*word, "since"),
                       why.empty() ? "" : ": " + why);
}

/// The object in a field that may be null.
std::optional<json::Object> object_in(const json::Object& document, std::string_view field) {
    auto found = json::object(document, field);
    return found ? std::optional(*std::move(found)) : std::nullopt;
}

/// Loud, and empty while all is as it should be.
std::string describe_disarmed(const json::Object& document) {
    const auto fencing = object_in(document, "fencing");
    if (!fencing || json::boolean_or(*fencing, "armed", true)) return "";
    return printable("FENCING IS DISARMED" + describe_word(object_in(*fencing, "disarmed"))) +
           "\n  Nobody is fenced, and no guest of a dead member is restarted, until: ssictl arm\n";
}

/// "hardware 5.0 s", "soft 5.0 s, NOT ARMED", and T_dead: by what its slot says; "-": it has none.
std::pair<std::string, std::string> watchdog_of(const json::Object& member) {
    const auto slot = object_in(member, "slot_record");
    if (!slot) return {"-", "-"};
    const auto time = [&](std::string_view field) {
        return std::format("{:.1f} s", static_cast<double>(json::number_or(*slot, field, 0)) / 1000);
    };
    auto kind = text_of(*slot, "watchdog_kind");
    if (kind != "none")
        kind += std::format(" {}{}", time("watchdog_ms"), json::boolean_or(*slot, "armed", false) ? "" : ", NOT ARMED");
    const auto* dead_after = slot->if_contains("dead_after_ms");
    if (json::boolean_or(*slot, "lone", false)) return {kind, "LONE"};
    return {kind, dead_after != nullptr && dead_after->is_number() ? time("dead_after_ms") : "-"};
}

/// What there is to say of a member behind its numbers.
std::string remark_on(const json::Object& member, bool is_own) {
    std::string remark = is_own ? "this member" : "";
    const auto add = [&](const std::string& text) {
        if (!text.empty()) remark += (remark.empty() ? "" : ", ") + text;
    };
    if (const auto word = object_in(member, "maintenance")) add("IN MAINTENANCE" + describe_word(word));
    add(text_of(member, "reason"));
    return remark;
}

/// "yes, elsewhere when its member dies, priority 10, at most 3 times"
std::string describe_policy(const json::Object& policy) {
    if (!json::boolean_or(policy, "restart", true)) return "no";
    std::string prefer;
    if (const auto* list = policy.if_contains("prefer"); list != nullptr && list->is_array())
        for (const auto& member : list->get_array())
            if (member.is_string()) prefer += (prefer.empty() ? " on " : ", then ") + std::string(member.get_string());
    const auto made = json::number_or(policy, "restarts", 0);
    return std::format("yes,{} elsewhere when its member dies, priority {}, at most {} times{}",
                       prefer.empty() ? "" : prefer + ", else", number_of(policy, "priority"),
                       number_of(policy, "limit"), made == 0 ? "" : std::format(", {} made", made));
}

/// A line for each member whose system.toml is not as it should be, or whose libvirt does not ask before it starts
/// guests.
std::string member_warnings(const std::vector<json::Object>& members) {
    std::string lines;
    for (const auto& member : members) {
        const auto name = text_of(member, "name");
        if (const auto config = json::object(member, "config"))
            if (const auto note = text_of(*config, "note"); !note.empty())
                lines += printable(std::format("WARNING: system.toml of {} {}", name, note)) + '\n';
        if (const auto fault = text_of(member, "doors_fault"); !fault.empty())
            lines += printable(std::format("WARNING: nothing new starts on {}: {} (SSI-1049)", name, fault)) + '\n';
    }
    return lines;
}

/// Where a guest is: "MEMBER1", "MEMBER1 -> MEMBER2" while it moves.
std::string place(const json::Object& guest) {
    const auto to = text_of(guest, "to");
    const auto member = dash_if_empty(text_of(guest, "member"));
    return to.empty() ? member : member + " -> " + to;
}

/// "moved from MEMBER1 to MEMBER2 in 2.315 s, down for 0.041 s".
std::string describe_move(const json::Object& move) {
    const auto outcome = text_of(move, "outcome");
    auto line = std::format("{} from {} to {}", outcome == "under way" ? "is moving" : outcome, text_of(move, "from"),
                            text_of(move, "to"));
    if (outcome == "moved")
        line += std::format(" in {}, down for {}", seconds(json::number_or(move, "total_ms", 0)),
                            seconds(json::number_or(move, "down_ms", 0)));
    if (const auto reason = text_of(move, "reason"); !reason.empty()) line += ": " + reason;
    return line;
}

Result<std::string> names(const json::Object& document, std::string_view list) {
    const auto objects = entries(document, list);
    if (!objects) return std::unexpected(objects.error());
    std::string result;
    for (const auto& object : *objects) result += printable(text_of(object, "name")) + '\n';
    return result;
}

Result<std::string> sentence(const json::Object& document, std::string_view done) {
    const auto guest = json::text(document, "guest");
    if (!guest) return std::unexpected(guest.error());
    return printable(std::format("guest {} {}", *guest, done)) + '\n';
}

void write_pretty(const boost::json::value& value, std::size_t depth, std::string& out) {
    const std::string inner(2 * (depth + 1), ' ');
    const std::string outer(2 * depth, ' ');
    std::string_view separator = "\n";
    if (const auto* object = value.if_object(); object != nullptr && !object->empty()) {
        out += '{';
        for (const auto& [key, member] : *object) {
            out += std::format("{}{}{}: ", std::exchange(separator, ",\n"), inner, boost::json::serialize(key));
            write_pretty(member, depth + 1, out);
        }
        out += '\n' + outer + '}';
    } else if (const auto* array = value.if_array(); array != nullptr && !array->empty()) {
        out += '[';
        for (const auto& member : *array) {
            out += std::format("{}{}", std::exchange(separator, ",\n"), inner);
            write_pretty(member, depth + 1, out);
        }
        out += '\n' + outer + ']';
    } else {
        out += boost::json::serialize(value);
    }
}

}  // namespace

std::string pretty(const boost::json::value& value) {
    std::string out;
    write_pretty(value, 0, out);
    return out + '\n';
}

std::string render_error(const Error& error) {
    auto text = std::format("ssictl: {} {}\n", code_text(error.code), error.what);
    if (!error.remedy.empty()) text += std::format("        try: {}\n", error.remedy);
    return text;
}

Result<std::string> render_cluster(const json::Object& document) {
    const auto cluster = json::object(document, "cluster");
    if (!cluster) return std::unexpected(cluster.error());
    const auto members = entries(document, "members");
    if (!members) return std::unexpected(members.error());
    auto result = std::format("SSI Name: {}\nSSI Mode: {}\nMajority: {}\n", printable(text_of(*cluster, "name")),
                              printable(text_of(*cluster, "mode")),
                              json::boolean_or(document, "majority", false)
                                  ? "yes"
                                  : "no: nothing starts or moves until enough voters are back");
    result += describe_pdr(document);
    result += describe_disarmed(document);
    if (const auto lone = text_of(document, "lone"); !lone.empty())
        result += printable(lone) + " is alone: its guests need no lease, and time does not prove its death\n";
    if (const auto engine = json::object(document, "engine"); engine && !text_of(*engine, "fault").empty())
        result += printable("Engine: " + text_of(*engine, "fault")) + '\n';
    Table table({{"SLOT", Align::kRight},
                 {"SYSTEMID"},
                 {"STATE"},
                 {"PDR HEARTBEAT", Align::kRight},
                 {"RECEIVED HEARTBEAT", Align::kRight},
                 {"GUESTS", Align::kRight},
                 {"VOTER"},
                 {"WATCHDOG"},
                 {"T_DEAD", Align::kRight},
                 {""}});
    const auto own = text_of(document, "member");
    for (const auto& member : *members) {
        const auto name = text_of(member, "name");
        const auto [watchdog, dead_after] = watchdog_of(member);
        table.add({number_of(member, "slot"), name, text_of(member, "state"), age(member, "pdr_heartbeat_age_ms"),
                   age(member, "heartbeat_age_ms"), number_of(member, "guests"), votes_of(member), watchdog, dead_after,
                   remark_on(member, name == own)});
    }
    return result + table.text() + member_warnings(*members);
}

Result<std::string> render_member_names(const json::Object& document) {
    return names(document, "members");
}

Result<std::string> render_guest_names(const json::Object& document) {
    return names(document, "guests");
}

Result<std::string> render_guests(const json::Object& document) {
    const auto guests = entries(document, "guests");
    if (!guests) return std::unexpected(guests.error());
    if (guests->empty()) return "The cluster knows no guests: virsh define one, or ssictl directory put\n";
    Table table({{"GUEST"}, {"PHASE"}, {"MEMBER"}, {""}});
    for (const auto& guest : *guests)
        table.add({text_of(guest, "name"), text_of(guest, "phase"), place(guest), text_of(guest, "reason")});
    return table.text();
}

Result<std::string> render_residents(const json::Object& document) {
    const auto guests = entries(document, "guests");
    if (!guests) return std::unexpected(guests.error());
    Table table({{"GUEST"}, {"MEMBER"}, {"STATE"}});
    for (const auto& guest : *guests)
        if (const auto phase = text_of(guest, "phase"); phase != "Down")
            table.add({text_of(guest, "name"), place(guest), phase});
    return table.empty() ? "No guest runs\n" : table.text();
}

Result<std::string> render_guest(const json::Object& document) {
    const auto name = json::text(document, "name");
    if (!name) return std::unexpected(name.error());
    std::string result;
    auto line = [&](std::string_view label, const std::string& value) {
        if (!value.empty()) result += std::format("{:<11}{}\n", label, printable(value));
    };
    line("Guest:", *name);
    line("UUID:", text_of(document, "uuid"));
    line("Phase:", text_of(document, "phase"));
    line("Member:", place(document));
    line("Reason:", text_of(document, "reason"));
    line("Run:", text_of(document, "run"));
    const auto policy = object_in(document, "policy");
    line("Restart:", policy                                        ? describe_policy(*policy)
                     : json::boolean_or(document, "restart", true) ? "yes, elsewhere when its member dies"
                                                                   : "no");
    if (const auto move = json::object(document, "last_move")) line("Last move:", describe_move(*move));
    return result;
}

Result<std::string> render_policy(const json::Object& document) {
    return sentence(document, "restart: " + describe_policy(document));
}

Result<std::string> render_started(const json::Object& document) {
    return sentence(document, "started on " + text_of(document, "member"));
}

Result<std::string> render_shut_down(const json::Object& document) {
    return sentence(document, "is shutting down");
}

Result<std::string> render_discarded(const json::Object& document) {
    return sentence(document, "may start anywhere: what was saved of it is given up");
}

Result<std::string> render_destroyed(const json::Object& document) {
    return sentence(document, "destroyed");
}

Result<std::string> render_move(const json::Object& document) {
    return sentence(document, describe_move(document));
}

Result<std::string> render_moves(const json::Object& document) {
    const auto moves = entries(document, "relocations");
    if (!moves) return std::unexpected(moves.error());
    if (moves->empty()) return "No guest is moving\n";
    std::string result;
    for (const auto& move : *moves) {
        auto one = render_move(move);
        if (!one) return one;
        result += *one;
    }
    return result;
}

Result<std::string> render_fence_test(const json::Object& document) {
    const auto methods = entries(document, "methods");
    if (!methods) return std::unexpected(methods.error());
    const auto member = text_of(document, "member");
    if (methods->empty())
        return printable(
                   std::format("No [[fence]] is configured: only ssictl member set-down {} proves its death", member)) +
               '\n';
    Table table({{"FENCE"}, {"METHOD"}, {"ASKED"}, {"RESULT"}, {"TOOK", Align::kRight}, {""}});
    for (const auto& method : *methods) {
        const auto answers = entries(method, "answers");
        if (!answers) return std::unexpected(answers.error());
        for (const auto& answer : *answers)
            table.add({text_of(method, "name"), text_of(method, "method"), text_of(answer, "action"),
                       json::boolean_or(answer, "ok", false) ? "ok" : "FAILED",
                       seconds(json::number_or(answer, "took_ms", 0)), text_of(answer, "says")});
    }
    return table.text();
}

Result<std::string> render_fencing(const json::Object& document) {
    const auto armed = json::boolean(document, "armed");
    if (!armed) return std::unexpected(armed.error());
    return *armed ? "Fencing is armed\n" : describe_disarmed({{"fencing", document}});
}

Result<std::string> render_maintenance(const json::Object& document) {
    const auto member = json::text(document, "member");
    if (!member) return std::unexpected(member.error());
    const auto word = object_in(document, "maintenance");
    return printable(std::format("{} is {}in maintenance{}", *member, word ? "" : "not ", describe_word(word))) + '\n';
}

Result<std::string> render_member(const json::Object& document) {
    const auto member = json::text(document, "member");
    if (!member) return std::unexpected(member.error());
    const auto state = text_of(document, "state");
    if (state == "recorded")
        return printable(
                   std::format("There is no majority: it is recorded on the PDR that {} is off, and committed when "
                               "there is one again. See: ssictl query ssi",
                               *member)) +
               '\n';
    return printable(std::format("{} is {}", *member, state)) + '\n';
}

}  // namespace ssi::ctl
