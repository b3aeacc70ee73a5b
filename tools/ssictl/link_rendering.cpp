#include "tools/ssictl/link_rendering.hpp"

#include <boost/json/array.hpp>
#include <chrono>
#include <format>
#include <utility>
#include <vector>

#include "tools/ssictl/document_cells.hpp"
#include "tools/ssictl/table.hpp"

namespace ssi::ctl {
namespace {

using Align = Table::Align;

std::chrono::milliseconds since(const json::Object& object) {
    return std::chrono::milliseconds(json::number_or(object, "since_ms", 0));
}

bool is_up(const json::Object& object) {
    return text_of(object, "state") == "up";
}

/// In capitals where nothing is encrypted: it is to be seen.
std::string encryption(const json::Object& channel) {
    return text_of(channel, "encryption") == "none" ? "NONE" : text_of(channel, "encryption");
}

std::string list_of(const json::Object& object, std::string_view field) {
    std::string result;
    const auto* list = object.if_contains(field);
    if (list == nullptr || !list->is_array()) return result;
    for (const auto& one : list->get_array())
        if (one.is_string())
            result += std::format("{}{}", result.empty() ? "" : ", ", std::string_view(one.get_string()));
    return result;
}

/// "until 2031-11-21 (1825 days)".
std::string validity(const json::Object& certificate) {
    const auto days = json::number_or(certificate, "days_left", 0);
    const auto until = text_of(certificate, "valid_until").substr(0, 10);
    if (days < 0) return std::format("EXPIRED {}", until);
    return std::format("until {} ({} days{})", until, days,
                       json::boolean_or(certificate, "due", false) ? ", RENEW IT: ssictl ca rotate" : "");
}

std::string describe_certificates(const json::Object& document) {
    std::string result;
    if (const auto own = json::object(document, "certificate"))
        result += std::format("Certificate of {}: {}\n", printable(text_of(*own, "member")), validity(*own));
    if (const auto authorities = entries(document, "authorities"))
        for (const auto& authority : *authorities)
            result += std::format("Authority {}: {}{}\n", text_of(authority, "key").substr(0, 8), validity(authority),
                                  json::boolean_or(authority, "retiring", false) ? ", retiring" : "");
    return result;
}

/// Of the peer: until when, and by which authority.
std::string peer_certificate(const json::Object& channel) {
    const auto certificate = json::object(channel, "certificate");
    if (!certificate) return "-";
    return std::format("{} by {}", text_of(*certificate, "valid_until").substr(0, 10),
                       text_of(*certificate, "authority").substr(0, 8));
}

Result<std::string> describe_link(const json::Object& link) {
    const auto channels = entries(link, "channels");
    if (!channels) return std::unexpected(channels.error());
    const auto streams = number_of(link, "streams");
    auto result = std::format("Link to {}: {} for {}, {} {}\n", printable(text_of(link, "member")),
                              printable(text_of(link, "state")), duration(since(link)), streams,
                              streams == "1" ? "stream" : "streams");
    if (const auto services = list_of(link, "services"); !services.empty())
        result += std::format("  Services: {}\n", printable(services));
    if (const auto counters = json::object(link, "counters"))
        result += std::format("  Streams carried: sent {}, re-sent {}, received {}, twice {}; {} failed\n",
                              bytes(*counters, "sent_bytes"), bytes(*counters, "resent_bytes"),
                              bytes(*counters, "received_bytes"), bytes(*counters, "duplicate_bytes"),
                              number_of(*counters, "failed_streams"));
    Table table({{"  CHANNEL"},
                 {"STATE"},
                 {"FOR", Align::kRight},
                 {"ENCRYPTION"},
                 {"FROM"},
                 {"LOCAL"},
                 {"REMOTE"},
                 {"PORT", Align::kRight},
                 {"ROUND TRIP", Align::kRight},
                 {"SENT", Align::kRight},
                 {"RE-SENT", Align::kRight},
                 {"RECEIVED", Align::kRight},
                 {"TIMES UP", Align::kRight},
                 {"PEER CERTIFICATE"},
                 {""}});
    for (const auto& channel : *channels)
        table.add({"  " + text_of(channel, "name"), text_of(channel, "state"), duration(since(channel)),
                   encryption(channel), text_of(channel, "origin"), text_of(channel, "local"),
                   text_of(channel, "remote"), number_of(channel, "port"),
                   is_up(channel) ? round_trip(channel, "round_trip_us") : "-", bytes(channel, "sent_bytes"),
                   bytes(channel, "resent_bytes"), bytes(channel, "received_bytes"), number_of(channel, "times_up"),
                   peer_certificate(channel), text_of(channel, "problem")});
    return result + (channels->empty() ? "  No channel\n" : table.text());
}

}  // namespace

Result<std::string> render_links(const json::Object& document) {
    const auto links = entries(document, "links");
    if (!links) return std::unexpected(links.error());
    if (links->empty()) return "No other member is configured\n";
    Table table({{"MEMBER"},
                 {"LINK"},
                 {"CHANNEL"},
                 {"STATE"},
                 {"ENCRYPTION"},
                 {"LOCAL"},
                 {"REMOTE"},
                 {"ROUND TRIP", Align::kRight},
                 {"SENT", Align::kRight},
                 {"RECEIVED", Align::kRight},
                 {""}});
    for (const auto& link : *links) {
        const auto channels = entries(link, "channels");
        if (!channels) return std::unexpected(channels.error());
        if (channels->empty()) table.add({text_of(link, "member"), text_of(link, "state")});
        for (const auto& channel : *channels)
            table.add({text_of(link, "member"), text_of(link, "state"), text_of(channel, "name"),
                       text_of(channel, "state"), encryption(channel), text_of(channel, "local"),
                       text_of(channel, "remote"), is_up(channel) ? round_trip(channel, "round_trip_us") : "-",
                       bytes(channel, "sent_bytes"), bytes(channel, "received_bytes"), text_of(channel, "problem")});
    }
    return table.text() + unencrypted_warnings(document);
}

Result<std::string> render_link_details(const json::Object& document) {
    const auto links = entries(document, "links");
    if (!links) return std::unexpected(links.error());
    std::string result;
    for (const auto& link : *links) {
        const auto described = describe_link(link);
        if (!described) return described;
        result += *described + '\n';
    }
    if (links->empty()) result = "No other member is configured\n";
    return result + describe_certificates(document) + unencrypted_warnings(document);
}

Result<std::string> render_link_members(const json::Object& document) {
    const auto links = entries(document, "links");
    if (!links) return std::unexpected(links.error());
    std::string result;
    for (const auto& link : *links) result += printable(text_of(link, "member")) + '\n';
    return result;
}

Result<std::string> render_streams(const json::Object& document) {
    const auto streams = entries(document, "streams");
    if (!streams) return std::unexpected(streams.error());
    if (streams->empty()) return std::format("No stream to {} is open\n", printable(text_of(document, "member")));
    Table table({{"STREAM", Align::kRight},
                 {"SERVICE"},
                 {"OPENED"},
                 {"CLASS"},
                 {"STATE"},
                 {"FOR", Align::kRight},
                 {"SENT", Align::kRight},
                 {"UNACKNOWLEDGED", Align::kRight},
                 {"RECEIVED", Align::kRight},
                 {"UNREAD", Align::kRight}});
    for (const auto& stream : *streams)
        table.add({number_of(stream, "id"), text_of(stream, "service"),
                   text_of(stream, "direction") == "out" ? "here" : "there", text_of(stream, "class"),
                   text_of(stream, "state"), duration(since(stream)), bytes(stream, "sent_bytes"),
                   bytes(stream, "unacknowledged_bytes"), bytes(stream, "received_bytes"),
                   bytes(stream, "unread_bytes")});
    return table.text();
}

Result<std::string> render_channel(const json::Object& document) {
    const auto channel = json::text(document, "channel");
    if (!channel) return std::unexpected(channel.error());
    const auto state = text_of(document, "state");
    const bool changed = json::boolean_or(document, "changed", true);
    // It takes a moment, and the other member: ssictl does not wait for either.
    const auto is = changed && state == "down" ? "is activated; islink list shows whether it comes up" : "is " + state;
    return printable(std::format("channel {} to {} {}{}", *channel, text_of(document, "member"), is,
                                 changed ? "" : ", as it was")) +
           '\n';
}

Result<std::string> render_reload(const json::Object& document) {
    const auto changes = entries(document, "changes");
    if (!changes) return std::unexpected(changes.error());
    std::string result;
    for (const auto& change : *changes)
        result += printable(std::format("{}: {}", text_of(change, "object"), text_of(change, "change"))) + '\n';
    return result.empty() ? "isfcd: nothing has changed\n" : result;
}

Result<json::Object> only_link(json::Object document, std::string_view member) {
    auto links = entries(document, "links");
    if (!links) return std::unexpected(links.error());
    for (auto& link : *links) {
        if (text_of(link, "member") != member) continue;
        document["links"] = boost::json::array{std::move(link)};
        return document;
    }
    return failure(ErrorCode::kMemberUnknown, std::format("there is no link to a member {}", member),
                   std::string(member), "see ssictl islink list");
}

std::string unencrypted_warnings(const json::Object& document) {
    std::string result;
    const auto links = entries(document, "links");
    if (!links) return result;
    for (const auto& link : *links) {
        const auto channels = entries(link, "channels");
        if (!channels) continue;
        for (const auto& channel : *channels)
            if (text_of(channel, "encryption") == "none")
                result += printable(std::format("WARNING: channel {} to {} is NOT ENCRYPTED", text_of(channel, "name"),
                                                text_of(link, "member"))) +
                          '\n';
    }
    return result;
}

}  // namespace ssi::ctl
