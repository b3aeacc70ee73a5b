#include "daemons/ssid/configuration/configuration.hpp"

#include <format>
#include <utility>

namespace ssi::cluster {

Result<void> Configuration::fits(const ConfigDocument& fresh) const {
    const auto& path = file_.path().string();
    const auto* member = fresh.config.find(own_);
    if (member == nullptr)
        return failure(
            ErrorCode::kMemberUnknown, std::format("{} is up, but no member of that file", own_.str()), own_.str(),
            std::format("add it to the file, or take it out in order: ssictl member leave on {}", own_.str()));
    if (fresh.config.cluster_uuid != config().cluster_uuid)
        return failure(ErrorCode::kConfigInvalid, std::format("that file is of another cluster than {}", own_.str()),
                       path, "look at [cluster] uuid");
    if (member->slot != config().find(own_)->slot)
        return failure(ErrorCode::kConfigInvalid, std::format("that file gives {} another slot", own_.str()), path,
                       "a member keeps its slot while it is up");
    return {};
}

Result<void> Configuration::may_reload(const ConfigDocument& fresh) const {
    if (auto fit = fits(fresh); !fit) return fit;
    const auto keys = keys_wanting_restart(entries(), fresh.entries, own_);
    if (keys.empty()) return {};
    std::string paths;
    for (const auto& key : keys) paths += (paths.empty() ? "" : ", ") + key.path;
    return failure(
        ErrorCode::kConfigNeedsRestart,
        std::format("{} cannot change while {} of {} run; nothing was reloaded", paths, daemons_of(keys), own_.str()),
        keys.front().path, std::format("on {}: systemctl restart {}", own_.str(), daemons_of(keys)));
}

void Configuration::take_over(ConfigDocument fresh) {
    former_.push_back(std::move(running_.config));
    running_ = std::move(fresh);
    shared_ = shared_config(running_.entries);
}

}  // namespace ssi::cluster
