#include <format>
#include <optional>
#include <utility>

#include "tools/ssictl/document_cells.hpp"
#include "tools/ssictl/rendering.hpp"
#include "tools/ssictl/table.hpp"

namespace ssi::ctl {
namespace {

std::optional<json::Object> part(const json::Object& document, std::string_view field) {
    auto found = json::object(document, field);
    return found ? std::optional(*std::move(found)) : std::nullopt;
}

bool says(const json::Object& object, std::string_view field) {
    return json::boolean_or(object, field, false);
}

std::string seconds_of(const json::Object& object, std::string_view field) {
    return std::format("{:.1f} s", static_cast<double>(json::number_or(object, field, 0)) / 1000);
}

bool has_number(const json::Object& object, std::string_view field) {
    const auto* value = object.if_contains(field);
    return value != nullptr && value->is_number();
}

/// "last moved 0.4 s ago".
std::string moved(const json::Object& sign) {
    if (!has_number(sign, "last_moved_ms")) return "not seen to move since this ssid started";
    return std::format("last moved {} ago", seconds_of(sign, "last_moved_ms"));
}

std::string describe_engine(const json::Object& sign) {
    return std::format("{}, {}, by {}: incarnation {}, beat {}, revision {}",
                       says(sign, "heard") ? "heard" : "NOT HEARD", moved(sign), text_of(sign, "path"),
                       number_of(sign, "incarnation"), number_of(sign, "beat"), number_of(sign, "revision"));
}

std::string describe_slot(const json::Object& sign) {
    const auto path = text_of(sign, "path");
    const auto fault = text_of(sign, "fault");
    if (!says(sign, "readable")) return std::format("{}: NOT READABLE here{}", path, fault.empty() ? "" : ": " + fault);
    const auto slot = part(sign, "slot");
    if (!slot) return std::format("{}: it has written no slot", path);
    return std::format("its slot {}, {}, by {}: incarnation {}, counter {}",
                       says(sign, "moves") ? "moves" : "STANDS STILL", moved(sign), path,
                       number_of(*slot, "incarnation"), number_of(*slot, "counter"));
}

/// What the slot says of the watchdog, or what system.toml declares where no slot does.
std::string describe_watchdog(const json::Object& document) {
    const auto pdr = part(document, "pdr");
    const auto slot = pdr ? part(*pdr, "slot") : std::nullopt;
    if (!slot || !slot->contains("watchdog_kind")) return text_of(document, "watchdog") + ", by system.toml";
    auto text = text_of(*slot, "watchdog_kind");
    if (text != "none")
        text += std::format(", {}, {}", seconds_of(*slot, "watchdog_ms"), says(*slot, "armed") ? "armed" : "NOT ARMED");
    text += std::format("; lease {}", seconds_of(*slot, "lease_ms"));
    text += has_number(*slot, "dead_after_ms") ? "; T_dead " + seconds_of(*slot, "dead_after_ms")
                                               : "; time alone proves nothing";
    return text + (says(*slot, "lone") ? "; LONE: it needs none" : "");
}

}  // namespace

Result<std::string> render_why(const json::Object& document) {
    const auto member = json::text(document, "member");
    if (!member) return std::unexpected(member.error());
    const auto committed = json::object(document, "committed");
    if (!committed) return std::unexpected(committed.error());
    std::string result;
    const auto line = [&](std::string_view label, const std::string& value) {
        result += std::format("{:<11}{}\n", label, printable(value));
    };
    line("Member:", std::format("{}, as seen by {}", *member, text_of(document, "seen_by")));
    const auto reason = text_of(*committed, "reason");
    line("State:",
         std::format("{} (committed: {}, incarnation {}{})", text_of(document, "state"), text_of(*committed, "state"),
                     number_of(*committed, "incarnation"), reason.empty() ? "" : ", " + reason));
    const auto engine = part(document, "engine");
    line("Engine:", engine ? describe_engine(*engine) : "it has no alive key");
    const auto pdr = part(document, "pdr");
    line("PDR:", pdr ? describe_slot(*pdr) : "the cluster has none");
    line("Watchdog:", describe_watchdog(document));
    const auto intent = part(document, "intent");
    line("Intent:", intent ? std::format("to fence incarnation {}, by {}, if its alive key stays at revision {}",
                                         number_of(*intent, "incarnation"), text_of(*intent, "by"),
                                         number_of(*intent, "alive_revision"))
                           : "none");
    const auto verdict = part(document, "last_verdict");
    line("Verdict:", verdict ? std::format("the last: incarnation {}, {}", number_of(*verdict, "incarnation"),
                                           text_of(*verdict, "reason"))
                             : "none so far");
    line("Therefore:", text_of(document, "conclusion"));
    return result;
}

}  // namespace ssi::ctl
