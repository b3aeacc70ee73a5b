#include "daemons/ssid/engine/etcd_config.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <format>

namespace ssi::cluster {

bool is_voter(const SystemConfig& config, const MemberName& member) {
    return std::ranges::contains(config.voters(), member);
}

std::string etcd_config_text(const SystemConfig& config, const MemberName& own, const EtcdPlaces& places) {
    // "unix://NAME:1" is the socket file "NAME:1" in the working directory: etcd 3.5 takes no path there.
    const auto peer_url = [](const MemberName& member) { return std::format("unix://{}:1", member.str()); };
    const auto client_url = "unix://client:1";
    std::string voters;
    for (const auto& voter : config.voters())
        voters += std::format("{}{}={}", voters.empty() ? "" : ",", voter.str(), peer_url(voter));
    const auto progress = std::chrono::duration_cast<std::chrono::nanoseconds>(kWatchProgress * config.timing.scale);

    const boost::json::object settings{
        {"name", own.str()},
        {"data-dir", places.data_directory.native()},
        {"listen-peer-urls", peer_url(own)},
        {"initial-advertise-peer-urls", peer_url(own)},
        {"listen-client-urls", client_url},
        {"advertise-client-urls", client_url},
        {"initial-cluster", voters},
        {"initial-cluster-state", "new"},  // read only when the data directory is empty
        {"initial-cluster-token", "ssi-" + config.cluster_uuid},
        {"heartbeat-interval", config.timing.engine_heartbeat.count()},
        {"election-timeout", config.timing.engine_election.count()},
        {"quota-backend-bytes", kDatabaseQuotaBytes},
        {"strict-reconfig-check", true},
        {"pre-vote", true},
        {"experimental-initial-corrupt-check", true},
        {"experimental-watch-progress-notify-interval", progress.count()},
        {"logger", "zap"},
        {"log-outputs", {"stderr"}},
        {"log-level", "error"},
    };
    // One setting a line: it is read by administrators too.
    std::string text = "{\n";
    for (const auto& setting : settings)
        text +=
            std::format("  {}: {}{}\n", boost::json::serialize(setting.key()), boost::json::serialize(setting.value()),
                        &setting == &*std::prev(settings.end()) ? "" : ",");
    return text + "}\n";
}

}  // namespace ssi::cluster
