#include "tools/ssictl/link_watch.hpp"

#include <boost/json/array.hpp>
#include <cmath>
#include <format>

#include "tools/ssictl/document_cells.hpp"
#include "tools/ssictl/link_rendering.hpp"
#include "tools/ssictl/table.hpp"

namespace ssi::ctl {
namespace {

using Align = Table::Align;

double number(const json::Object& object, std::string_view field) {
    return static_cast<double>(json::number_or(object, field, 0));
}

std::int64_t rate(double now, double before, double seconds) {
    return std::llround((now >= before ? now - before : now) / seconds);
}

std::string per_second(const json::Object& channel, std::string_view field) {
    return bytes(channel, field) + "/s";
}

}  // namespace

Result<std::optional<json::Object>> LinkWatch::next(const json::Object& document, Time now) {
    const auto shown = member_.empty() ? Result<json::Object>(document) : only_link(document, member_);
    if (!shown) return std::unexpected(shown.error());
    const auto links = entries(*shown, "links");
    if (!links) return std::unexpected(links.error());
    const double elapsed = before_ ? std::chrono::duration<double>(now - *before_).count() : 0;
    boost::json::array channels;
    std::map<Channel, Counters> counters;
    for (const auto& link : *links) {
        const auto listed = entries(link, "channels");
        if (!listed) return std::unexpected(listed.error());
        for (const auto& channel : *listed) {
            const Channel key{text_of(link, "member"), text_of(channel, "name")};
            const Counters after{number(channel, "sent_bytes"), number(channel, "received_bytes"),
                                 number(channel, "resent_bytes")};
            const auto known = counters_.find(key);
            const auto before = known != counters_.end() ? known->second : Counters{};
            counters[key] = after;
            if (elapsed <= 0) continue;
            json::Object entry{{"member", key.first},
                               {"channel", key.second},
                               {"state", text_of(channel, "state")},
                               {"encryption", text_of(channel, "encryption")},
                               {"out_bytes_per_s", rate(after.out, before.out, elapsed)},
                               {"in_bytes_per_s", rate(after.in, before.in, elapsed)},
                               {"resent_bytes_per_s", rate(after.resent, before.resent, elapsed)}};
            if (const auto* value = channel.if_contains("round_trip_us")) entry["round_trip_us"] = *value;
            channels.push_back(std::move(entry));
        }
    }
    counters_ = std::move(counters);
    before_ = now;
    if (elapsed <= 0) return std::nullopt;
    return json::Object{{"interval_ms", std::llround(elapsed * 1000)}, {"channels", std::move(channels)}};
}

Result<std::string> render_watch_table(const json::Object& interval) {
    const auto channels = entries(interval, "channels");
    if (!channels) return std::unexpected(channels.error());
    Table table({{"MEMBER"},
                 {"CHANNEL"},
                 {"STATE"},
                 {"ENCRYPTION"},
                 {"OUT", Align::kRight},
                 {"IN", Align::kRight},
                 {"RE-SENT", Align::kRight},
                 {"ROUND TRIP", Align::kRight}});
    for (const auto& channel : *channels)
        table.add({text_of(channel, "member"), text_of(channel, "channel"), text_of(channel, "state"),
                   text_of(channel, "encryption") == "none" ? "NONE" : text_of(channel, "encryption"),
                   per_second(channel, "out_bytes_per_s"), per_second(channel, "in_bytes_per_s"),
                   per_second(channel, "resent_bytes_per_s"),
                   channel.contains("round_trip_us") ? round_trip(channel, "round_trip_us") : "-"});
    return std::format("{}, over {:.1f} s\n", printable(text_of(interval, "time")),
                       number(interval, "interval_ms") / 1000) +
           table.text();
}

Result<std::string> render_watch_lines(const json::Object& interval) {
    const auto channels = entries(interval, "channels");
    if (!channels) return std::unexpected(channels.error());
    std::string result;
    for (const auto& channel : *channels)
        result +=
            printable(std::format("{} {} {} {} out {} in {} re-sent {} round trip {}", text_of(interval, "time"),
                                  text_of(channel, "member"), text_of(channel, "channel"), text_of(channel, "state"),
                                  per_second(channel, "out_bytes_per_s"), per_second(channel, "in_bytes_per_s"),
                                  per_second(channel, "resent_bytes_per_s"),
                                  channel.contains("round_trip_us") ? round_trip(channel, "round_trip_us") : "-")) +
            '\n';
    return result;
}

}  // namespace ssi::ctl
