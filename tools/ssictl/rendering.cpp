#include "tools/ssictl/rendering.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <format>
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
    Table table({{"SLOT", Align::kRight},
                 {"SYSTEMID"},
                 {"STATE"},
                 {"PDR HEARTBEAT", Align::kRight},
                 {"RECEIVED HEARTBEAT", Align::kRight},
                 {"GUESTS", Align::kRight},
                 {"VOTER"},
                 {""}});
    const auto own = text_of(document, "member");
    for (const auto& member : *members) {
        const auto name = text_of(member, "name");
        const auto reason = text_of(member, "reason");
        table.add({number_of(member, "slot"), name, text_of(member, "state"), age(member, "pdr_heartbeat_age_ms"),
                   age(member, "heartbeat_age_ms"), number_of(member, "guests"),
                   json::boolean_or(member, "voter", false) ? "yes" : "no",
                   name != own      ? reason
                   : reason.empty() ? "this member"
                                    : "this member, " + reason});
    }
    return result + table.text();
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
    if (guests->empty()) return "The cluster knows no guests: virsh define and start one\n";
    Table table({{"GUEST"}, {"PHASE"}, {"MEMBER"}, {""}});
    for (const auto& guest : *guests)
        table.add({text_of(guest, "name"), text_of(guest, "phase"), place(guest), text_of(guest, "reason")});
    return table.text();
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
    line("Restart:", json::boolean_or(document, "restart", true) ? "yes, elsewhere when its member dies" : "no");
    if (const auto move = json::object(document, "last_move")) line("Last move:", describe_move(*move));
    return result;
}

Result<std::string> render_started(const json::Object& document) {
    return sentence(document, "started on " + text_of(document, "member"));
}

Result<std::string> render_shut_down(const json::Object& document) {
    return sentence(document, "is shutting down");
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

Result<std::string> render_member(const json::Object& document) {
    const auto member = json::text(document, "member");
    if (!member) return std::unexpected(member.error());
    return printable(std::format("{} is {}", *member, text_of(document, "state"))) + '\n';
}

}  // namespace ssi::ctl
