// What PeerLink tells the administrator (docs/architecture.md, "JSON documents").
#include <format>
#include <utility>

#include "daemons/isfcd/driver/ctc_driver.hpp"
#include "daemons/isfcd/peer_link.hpp"

namespace ssi::isfc {
namespace {

std::int64_t milliseconds_since(Time time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Time::clock::now() - time).count();
}

std::string_view name_of(StreamClass stream_class) {
    switch (stream_class) {
        case StreamClass::kControl:
            return "control";
        case StreamClass::kInteractive:
            return "interactive";
        case StreamClass::kBulk:
            return "bulk";
    }
    return "unknown";
}

boost::json::object describe(const pki::CertificateFacts& certificate) {
    return {{"member", certificate.member},
            {"valid_until", std::format("{:%FT%TZ}", certificate.valid_until)},
            {"fingerprint", certificate.fingerprint},
            {"authority", certificate.authority}};
}

boost::json::object describe(const LinkCounters& counters) {
    return {{"sent_bytes", counters.sent_bytes},
            {"resent_bytes", counters.resent_bytes},
            {"received_bytes", counters.received_bytes},
            {"duplicate_bytes", counters.duplicate_bytes},
            {"reordered_frames", counters.reordered_frames},
            {"ignored_frames", counters.ignored_frames},
            {"late_channels", counters.late_channels},
            {"opened_streams", counters.opened_streams},
            {"failed_streams", counters.failed_streams}};
}

}  // namespace

boost::json::object PeerLink::describe_channel(const ChannelEntry& entry) const {
    const auto& own = entry.config.end_at(settings_.own.name);
    boost::json::object result{{"name", entry.config.name},
                               {"driver", entry.config.driver == ChannelDriver::kCtc ? "ctc" : "tcp"},
                               {"local", own.address},
                               {"remote", entry.config.end_at(peer_.name).address},
                               {"interface", own.interface},
                               {"port", entry.config.port},
                               {"encryption", entry.config.encryption == Encryption::kNone ? "none" : "tls"},
                               {"origin", entry.origin == ChannelOrigin::kFile ? "file" : "run-time"},
                               {"state", entry.state()},
                               {"since_ms", milliseconds_since(entry.since)},
                               {"times_up", entry.times_up}};
    auto sent = entry.sent_bytes;
    auto received = entry.received_bytes;
    auto resent = entry.resent_bytes;
    if (const auto found = entry.live ? channels_.find(entry.live->id) : channels_.end(); found != channels_.end()) {
        const auto& counters = found->second->counters();
        sent += counters.sent_bytes;
        received += counters.received_bytes;
        result["round_trip_us"] = counters.round_trip.count();
        result["late"] = link_.is_late(entry.live->id);
        if (const auto* flight = link_.flight(entry.live->id)) {
            result["in_flight_bytes"] = flight->bytes();
            resent += flight->rescued_bytes();
        }
        // What the connection is, while the file already says something else.
        result["encryption"] = found->second->is_encrypted() ? "tls" : "none";
        if (entry.live->peer) result["certificate"] = describe(*entry.live->peer);
    }
    result["sent_bytes"] = sent;
    result["received_bytes"] = received;
    result["resent_bytes"] = resent;
    if (!entry.problem.empty()) result["problem"] = entry.problem;
    if (const auto driver = drivers_.find(entry.config.name); driver != drivers_.end()) {
        for (const auto& field : driver->second->query()) result[field.key()] = field.value();
        if (!driver->second->problem().empty()) result["problem"] = driver->second->problem();
    }
    return result;
}

boost::json::object PeerLink::query() const {
    boost::json::array channels;
    for (const auto& [name, entry] : roster_.entries()) channels.push_back(describe_channel(entry));
    boost::json::array services;
    for (const auto& name : announced_) services.emplace_back(name);
    return {{"member", peer_.name.str()},
            {"state", is_up() ? "up" : "down"},
            {"since_ms", milliseconds_since(since_)},
            {"session", std::format("{:016x}-{:016x}", session_.own(), session_.peer())},
            {"streams", link_.streams()},
            {"services", std::move(services)},
            {"channels", std::move(channels)},
            {"counters", describe(link_.counters())}};
}

boost::json::array PeerLink::streams() const {
    boost::json::array result;
    const auto describe_stream = [&](StreamId id, const std::string& service, Time since) {
        const auto status = link_.status(id);
        if (!status) return;
        const bool own =
            (id % 2 == 1) == (settings_.own.slot < peer_.slot);  // docs/isfc-wire.md: odd by the lower slot
        result.push_back({{"id", id},
                          {"service", service},
                          {"class", name_of(status->stream_class)},
                          {"direction", own ? "out" : "in"},
                          {"state", status->is_open ? "open" : "opening"},
                          {"since_ms", milliseconds_since(since)},
                          {"sent_bytes", status->sent_bytes},
                          {"received_bytes", status->received_bytes},
                          {"unacknowledged_bytes", status->unacknowledged},
                          {"unread_bytes", status->unread}});
    };
    for (const auto& [id, opening] : openings_) describe_stream(id, opening.service, opening.since);
    for (const auto& [id, stream] : streams_) describe_stream(id, stream.service, stream.since);
    return result;
}

}  // namespace ssi::isfc
