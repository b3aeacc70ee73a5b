#include "tools/ssictl/directory_rendering.hpp"

#include <boost/json/array.hpp>
#include <format>
#include <vector>

#include "tools/ssictl/document_cells.hpp"
#include "tools/ssictl/table.hpp"

namespace ssi::ctl {
namespace {

using Align = Table::Align;

/// Who changed it, where, when and why; all empty when nobody's word is there.
struct Change {
    std::string by;
    std::string since;
    std::string why;
};

Change change_of(const json::Object& entry) {
    const auto word = json::object(entry, "change");
    if (!word) return {};
    return {std::format("{} on {}", text_of(*word, "who"), text_of(*word, "at")), text_of(*word, "since"),
            text_of(*word, "why")};
}

std::string memory_of(const json::Object& guest) {
    const auto mib = json::number_or(guest, "memory_mib", 0);
    return mib == 0 ? "-" : std::format("{} MiB", mib);
}

/// "+2 -1"; empty of the first version that is kept.
std::string lines_of(const json::Object& version) {
    if (json::boolean_or(version, "deleted", false)) return "deleted";
    const auto* added = version.if_contains("lines_added");
    if (added == nullptr || !added->is_number()) return "";
    return std::format("+{} -{}", number_of(version, "lines_added"), number_of(version, "lines_removed"));
}

std::vector<std::string> not_adopted_in(const json::Object& document) {
    std::vector<std::string> names;
    if (const auto* list = document.if_contains("not_adopted"); list != nullptr && list->is_array())
        for (const auto& name : list->get_array())
            if (name.is_string()) names.push_back(printable(std::string_view(name.get_string())));
    return names;
}

}  // namespace

Result<std::string> render_directory(const json::Object& document) {
    const auto guests = entries(document, "guests");
    if (!guests) return std::unexpected(guests.error());
    Table table(
        {{"GUEST"}, {"VERSION", Align::kRight}, {"MEMORY", Align::kRight}, {"RUNS ON"}, {"CHANGED"}, {"BY"}, {""}});
    for (const auto& guest : *guests) {
        const auto change = change_of(guest);
        const auto member = text_of(guest, "member");
        table.add({text_of(guest, "name"), number_of(guest, "version"), memory_of(guest), member.empty() ? "-" : member,
                   change.since, change.by, change.why});
    }
    auto text =
        guests->empty() ? "No guest is in the directory: virsh define one, or ssictl directory put\n" : table.text();
    if (const auto waiting = not_adopted_in(document).size(); waiting > 0)
        text += printable(std::format("{} of {} {} from before the cluster: ssictl directory list --not-adopted",
                                      waiting == 1 ? "1 guest" : std::format("{} guests", waiting),
                                      text_of(document, "member"), waiting == 1 ? "is" : "are")) +
                '\n';
    return text;
}

Result<std::string> render_directory_names(const json::Object& document) {
    const auto guests = entries(document, "guests");
    if (!guests) return std::unexpected(guests.error());
    std::string text;
    for (const auto& guest : *guests) text += printable(text_of(guest, "name")) + '\n';
    return text;
}

Result<std::string> render_not_adopted(const json::Object& document) {
    const auto member = json::text(document, "member");
    if (!member) return std::unexpected(member.error());
    const auto names = not_adopted_in(document);
    if (names.empty()) return printable(std::format("No guest of {} waits to be adopted", *member)) + '\n';
    Table table({{"GUEST"}, {""}});
    for (const auto& name : names) table.add({name, "ssictl directory adopt " + name});
    return table.text();
}

Result<std::string> render_not_adopted_names(const json::Object& document) {
    std::string text;
    for (const auto& name : not_adopted_in(document)) text += name + '\n';
    return text;
}

Result<std::string> render_definition(const json::Object& document) {
    auto xml = json::text(document, "xml");
    if (xml && !xml->ends_with('\n')) *xml += '\n';
    return xml;
}

Result<std::string> render_history(const json::Object& document) {
    const auto versions = entries(document, "versions");
    if (!versions) return std::unexpected(versions.error());
    Table table({{"VERSION", Align::kRight}, {"CHANGED"}, {"BY"}, {"LINES"}, {""}});
    for (const auto& version : *versions) {
        const auto change = change_of(version);
        table.add({number_of(version, "version"), change.since, change.by, lines_of(version), change.why});
    }
    return table.text();
}

Result<std::string> render_change(const json::Object& document) {
    const auto guest = json::text(document, "guest");
    if (!guest) return std::unexpected(guest.error());
    const auto version = number_of(document, "version");
    if (json::boolean_or(document, "changed", false))
        return printable(std::format("guest {} has version {} in the directory now", *guest, version)) + '\n';
    return printable(std::format("nothing has changed: guest {} has version {} in the directory", *guest, version)) +
           '\n';
}

Result<std::string> render_deleted(const json::Object& document) {
    const auto guest = json::text(document, "guest");
    if (!guest) return std::unexpected(guest.error());
    return printable(std::format("guest {} is deleted; ssictl directory history shows how it was", *guest)) + '\n';
}

Result<std::string> render_conflicts(const json::Object& document) {
    const auto conflicts = entries(document, "conflicts");
    if (!conflicts) return std::unexpected(conflicts.error());
    if (conflicts->empty()) return printable(std::format("No conflict on {}", text_of(document, "member"))) + '\n';
    Table table({{"GUEST"}, {"SINCE"}, {"KEPT IN"}, {""}});
    for (const auto& conflict : *conflicts)
        table.add({text_of(conflict, "guest"), text_of(conflict, "since"), text_of(conflict, "file"),
                   text_of(conflict, "why")});
    return table.text();
}

}  // namespace ssi::ctl
