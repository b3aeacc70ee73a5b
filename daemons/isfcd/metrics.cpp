#include "daemons/isfcd/metrics.hpp"

#include <boost/json/array.hpp>
#include <chrono>
#include <sstream>
#include <string_view>
#include <vector>

#include "lib/common/json_message.hpp"
#include "lib/common/metrics_text.hpp"

namespace ssi::isfc {
namespace {

using Object = json::Object;

std::uint64_t number(const Object& object, std::string_view field) {
    return static_cast<std::uint64_t>(json::number_or(object, field, 0));
}

std::uint64_t is(bool statement) {
    return statement ? 1 : 0;
}

bool has_state(const Object& object, std::string_view state) {
    return json::text_or(object, "state", "") == state;
}

const boost::json::array& list(const Object& object, std::string_view field) {
    static const boost::json::array none;
    const auto* value = object.if_contains(field);
    return value != nullptr && value->is_array() ? value->get_array() : none;
}

/// One family of counters, whose samples are a field each.
struct Counted {
    std::string_view field;
    std::string_view name;
    std::string_view help;
};

constexpr Counted kOfLink[] = {
    {"sent_bytes", "ssi_isfc_link_sent_bytes_total", "Bytes of streams sent to the member, those sent again included."},
    {"resent_bytes", "ssi_isfc_link_resent_bytes_total",
     "Bytes of streams sent again: their channel was lost or late."},
    {"received_bytes", "ssi_isfc_link_received_bytes_total", "Bytes of streams received, duplicates included."},
    {"duplicate_bytes", "ssi_isfc_link_duplicate_bytes_total", "Bytes received that were here already, and dropped."},
    {"reordered_frames", "ssi_isfc_link_reordered_frames_total", "Frames that waited for what belongs before them."},
    {"ignored_frames", "ssi_isfc_link_ignored_frames_total", "Frames of streams that were gone."},
    {"late_channels", "ssi_isfc_link_late_channels_total", "How often a channel fell behind the others."},
    {"opened_streams", "ssi_isfc_link_opened_streams_total", "Streams opened by either end."},
    {"failed_streams", "ssi_isfc_link_failed_streams_total", "Streams that ended with an error."},
};

constexpr Counted kOfChannel[] = {
    {"sent_bytes", "ssi_isfc_channel_sent_bytes_total", "Bytes sent on the channel, heartbeats included."},
    {"received_bytes", "ssi_isfc_channel_received_bytes_total", "Bytes received on the channel, heartbeats included."},
    {"resent_bytes", "ssi_isfc_channel_resent_bytes_total",
     "Bytes the channel carried that were sent again on others."},
    {"times_up", "ssi_isfc_channel_times_up_total", "How often the channel was made."},
};

void add_links(MetricsText& metrics, const Object& query) {
    auto& up = metrics.gauge("ssi_isfc_link_up", "1 while at least one channel joins the two members.");
    auto& streams = metrics.gauge("ssi_isfc_link_streams", "Open streams.");
    for (const auto& value : list(query, "links")) {
        const auto& link = value.as_object();
        const auto member = json::text_or(link, "member", "");
        up.add({{"member", member}}, is(has_state(link, "up")));
        streams.add({{"member", member}}, number(link, "streams"));
    }
    for (const auto& [field, name, help] : kOfLink) {
        auto& family = metrics.counter(name, help);
        for (const auto& value : list(query, "links")) {
            const auto& link = value.as_object();
            if (const auto counters = json::object(link, "counters"))
                family.add({{"member", json::text_or(link, "member", "")}}, number(*counters, field));
        }
    }
}

void add_channels(MetricsText& metrics, const Object& query) {
    struct Channel {
        std::string member;
        std::string name;
        const Object& fields;
    };
    std::vector<Channel> channels;
    for (const auto& link : list(query, "links"))
        for (const auto& channel : list(link.as_object(), "channels"))
            channels.push_back({json::text_or(link.as_object(), "member", ""),
                                json::text_or(channel.as_object(), "name", ""), channel.as_object()});
    auto& up = metrics.gauge("ssi_isfc_channel_up", "1 while the channel is up.");
    auto& deactivated = metrics.gauge("ssi_isfc_channel_deactivated", "1 while an administrator keeps it down here.");
    auto& encrypted = metrics.gauge("ssi_isfc_channel_encrypted", "0 when its bytes travel in the clear.");
    auto& late = metrics.gauge("ssi_isfc_channel_late", "1 while it is behind the others, which carry its bytes.");
    auto& round_trip = metrics.gauge("ssi_isfc_channel_round_trip_seconds", "Of the last heartbeat.");
    auto& in_flight = metrics.gauge("ssi_isfc_channel_in_flight_bytes", "Sent, and not known to have arrived.");
    for (const auto& [member, name, fields] : channels) {
        const MetricsText::Labels labels{{"member", member}, {"channel", name}};
        up.add(labels, is(has_state(fields, "up")));
        deactivated.add(labels, is(has_state(fields, "deactivated")));
        encrypted.add(labels, is(json::text_or(fields, "encryption", "") == "tls"));
        if (!has_state(fields, "up")) continue;
        late.add(labels, is(json::boolean_or(fields, "late", false)));
        round_trip.add(labels, static_cast<double>(json::number_or(fields, "round_trip_us", 0)) / 1e6);
        in_flight.add(labels, number(fields, "in_flight_bytes"));
    }
    for (const auto& [field, metric, help] : kOfChannel) {
        auto& family = metrics.counter(metric, help);
        for (const auto& [member, name, fields] : channels)
            family.add({{"member", member}, {"channel", name}}, number(fields, field));
    }
}

void add_expiry(MetricsText::Family& family, std::string_view whose, const Object& certificate) {
    std::istringstream text(json::text_or(certificate, "valid_until", ""));
    std::chrono::sys_seconds until;
    if (!(text >> std::chrono::parse("%FT%TZ", until))) return;
    family.add({{"whose", whose}, {"fingerprint", json::text_or(certificate, "fingerprint", "")}},
               static_cast<std::uint64_t>(until.time_since_epoch().count()));
}

void add_daemon(MetricsText& metrics, const Object& query) {
    metrics.gauge("ssi_isfc_info", "Which isfcd this is; always 1.")
        .add({{"member", json::text_or(query, "member", "")},
              {"cluster", json::text_or(query, "cluster", "")},
              {"version", json::text_or(query, "version", "")}},
             std::uint64_t{1});
    auto& expiry =
        metrics.gauge("ssi_isfc_certificate_expiry_timestamp_seconds", "When a certificate of ours expires.");
    if (const auto own = json::object(query, "certificate")) add_expiry(expiry, "member", *own);
    for (const auto& authority : list(query, "authorities")) add_expiry(expiry, "authority", authority.as_object());
    const auto handshakes = json::object(query, "handshakes");
    if (!handshakes) return;
    metrics.counter("ssi_isfc_handshakes_accepted_total", "Connections of peers that became channels.")
        .add({}, number(*handshakes, "accepted"));
    auto& refused = metrics.counter("ssi_isfc_handshakes_refused_total", "Connections that were refused, by reason.");
    if (const auto reasons = json::object(*handshakes, "refused"))
        for (const auto& [reason, count] : *reasons) refused.add({{"reason", reason}}, number(*reasons, reason));
}

}  // namespace

std::string metrics_of(const Object& query) {
    MetricsText metrics;
    add_daemon(metrics, query);
    add_links(metrics, query);
    add_channels(metrics, query);
    return metrics.text();
}

}  // namespace ssi::isfc
