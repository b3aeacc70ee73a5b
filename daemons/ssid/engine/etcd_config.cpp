#include "daemons/ssid/engine/etcd_config.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <format>

namespace ssi::cluster {

bool is_voter(const SystemConfig& config, const MemberName& member) {
    return std::ranges::contains(config.voters(), member);
}

std::string peer_url(std::string_view voter) {
    return std::format("unix://{}:1", voter);
}

std::optional<std::string> voter_of_peer_url(std::string_view url) {
    constexpr std::string_view kBegin = "unix://";
    constexpr std::string_view kEnd = ":1";
    if (!url.starts_with(kBegin) || !url.ends_with(kEnd) || url.size() <= kBegin.size() + kEnd.size())
        return std::nullopt;
    url.remove_prefix(kBegin.size());
    url.remove_suffix(kEnd.size());
    return std::string(url);
}

EtcdStart first_start(const SystemConfig& config) {
    EtcdStart start{"new", ""};
    for (const auto& voter : config.voters())
        start.voters += std::format("{}{}={}", start.voters.empty() ? "" : ",", voter.str(), peer_url(voter.str()));
    return start;
}

EtcdStart joining_start(const std::vector<gateway::Voter>& list) {
    EtcdStart start{"existing", ""};
    for (const auto& voter : list)
        for (const auto& url : voter.peer_urls)
            if (const auto name = voter_of_peer_url(url))
                start.voters += std::format("{}{}={}", start.voters.empty() ? "" : ",", *name, url);
    return start;
}

std::string etcd_config_text(const SystemConfig& config, const MemberName& own, const EtcdPlaces& places,
                             const EtcdStart& start, Forced forced) {
    const auto client_url = "unix://client:1";
    const auto own_url = peer_url(own.str());
    const auto corruption_check = std::chrono::nanoseconds(kCorruptionCheck);
    const auto progress = std::chrono::duration_cast<std::chrono::nanoseconds>(kWatchProgress * config.timing.scale);

    boost::json::object settings{
        {"name", own.str()},
        {"data-dir", places.data_directory.native()},
        {"listen-peer-urls", own_url},
        {"initial-advertise-peer-urls", own_url},
        {"listen-client-urls", client_url},
        {"advertise-client-urls", client_url},
        {"initial-cluster", start.voters},
        {"initial-cluster-state", start.state},
        {"initial-cluster-token", "ssi-" + config.cluster_uuid},
        {"heartbeat-interval", config.timing.engine_heartbeat.count()},
        {"election-timeout", config.timing.engine_election.count()},
        {"quota-backend-bytes", kDatabaseQuotaBytes},
        {"strict-reconfig-check", true},
        {"pre-vote", true},
        {"experimental-initial-corrupt-check", true},
        {"experimental-corrupt-check-time", corruption_check.count()},
        {"experimental-watch-progress-notify-interval", progress.count()},
        {"logger", "zap"},
        {"log-outputs", {"stderr"}},
        {"log-level", "error"},
    };
    if (forced == Forced::kYes) settings["force-new-cluster"] = true;
    // One setting a line: it is read by administrators too.
    std::string text = "{\n";
    for (const auto& setting : settings)
        text +=
            std::format("  {}: {}{}\n", boost::json::serialize(setting.key()), boost::json::serialize(setting.value()),
                        &setting == &*std::prev(settings.end()) ? "" : ",");
    return text + "}\n";
}

}  // namespace ssi::cluster
