// How isfcd takes over another configuration while it runs: first everything is read and judged, then all of it counts.
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <format>
#include <utility>

#include "daemons/isfcd/isfcd.hpp"
#include "lib/common/log.hpp"

namespace ssi::isfc {
namespace {

std::unexpected<Error> wants_restart(const std::string& what, const std::string& object) {
    return failure(ErrorCode::kConfigInvalid, std::format("{} cannot change while isfcd runs", what), object,
                   "systemctl restart isfcd");
}

/// Notes what is changed, before it is.
void note(boost::json::array& changes, const std::string& object, const std::string& what) {
    log::notice(std::format("reload: {}: {}", object, what));
    changes.push_back({{"object", object}, {"change", what}});
}

}  // namespace

/// What was read, and is good.
struct Isfcd::Fresh {
    MemberConfig own;
    std::vector<ConfiguredService> services;
    OwnIdentity identity;
    std::filesystem::path pki;
};

Result<std::string> Isfcd::reload() {
    auto text = read_config_text(paths_.config);
    auto config =
        text.and_then([&](const std::string& read) { return parse_system_config(read, paths_.config.string()); });
    if (!config) {
        config.error().remedy = "nothing was changed; mend it and try again";
        return std::unexpected(config.error());
    }
    auto done = reload(*config);
    if (done) paths_.kept_config().keep(*text);
    return done;
}

Result<std::string> Isfcd::reload(const SystemConfig& config) {
    auto fresh = read_fresh(config);
    if (!fresh) return std::unexpected(fresh.error());
    return boost::json::serialize(boost::json::object{{"v", 1}, {"changes", take_over(config, *std::move(fresh))}});
}

Result<Isfcd::Fresh> Isfcd::read_fresh(const SystemConfig& config) const {
    const auto& own = settings_.own.name;
    const auto* member = config.find(own);
    if (member == nullptr)
        return failure(ErrorCode::kMemberUnknown, std::format("{} is no member any more", own.str()), own.str(),
                       "systemctl disable --now isfcd, if that is meant");
    if (config.cluster != settings_.cluster) return wants_restart("the name of the cluster", config.cluster);
    if (config.cluster_uuid != settings_.cluster_uuid) return wants_restart("the uuid of the cluster", config.cluster);
    if (member->slot != settings_.own.slot) return wants_restart(std::format("the slot of {}", own.str()), own.str());
    auto channels = std::vector<ChannelConfig>();
    for (const auto& channel : config.channels)
        if (channel.joins(own)) channels.push_back(channel);
    for (const auto& [name, peer] : peers_) {
        const auto* known = config.find(peer->peer().name);
        if (known == nullptr) continue;
        if (known->slot != peer->peer().slot) return wants_restart(std::format("the slot of {}", name), name);
        const auto named = config.channels_between(own, peer->peer().name);
        for (const auto& [channel, entry] : peer->roster().entries())
            if (entry.origin == ChannelOrigin::kRunTime &&
                std::ranges::find(named, channel, &ChannelConfig::name) == named.end())
                channels.push_back(entry.config);
    }
    if (auto differ = check_listening_ends(channels); !differ) return std::unexpected(differ.error());
    auto services = load_configured_services(paths_.offers, own);
    if (!services) return std::unexpected(services.error());
    const auto pki = pki_from_config_ ? config.pki : paths_.pki;
    auto identity = OwnIdentity::load(pki, own);
    if (!identity) return std::unexpected(identity.error());
    return Fresh{*member, *std::move(services), *std::move(identity), pki};
}

boost::json::array Isfcd::take_over(const SystemConfig& config, Fresh fresh) {
    boost::json::array changes;
    const auto timing = Timing::of(config);
    if (static_cast<std::size_t>(config.link.memory_mib) << 20 != settings_.link.memory)
        note(changes, "link.memory_mib", "counts when isfcd is started again");
    if (timing.heartbeat != settings_.timing.heartbeat)
        note(changes, "timing.scale", "counts for channels from when they are made anew");
    settings_.own = fresh.own;
    settings_.timing = timing;
    paths_.pki = fresh.pki;
    if (fresh.services != offers_->configured()) {
        note(changes, "services", "changed");
        offers_->configure(std::move(fresh.services));
    }
    const bool renew = !fresh.identity.is_same(*identity_);
    if (renew) {
        note(changes, "certificates", "new; channels are made anew with them, one after the other");
        fresh.identity.number = identity_->number + 1;
        identity_ = std::make_shared<const OwnIdentity>(std::move(fresh.identity));
        certificates_->notify();
    }
    for (auto one = peers_.begin(); one != peers_.end();) {
        const auto& [name, peer] = *one;
        if (config.find(peer->peer().name) != nullptr) {
            ++one;
            continue;
        }
        note(changes, std::format("member {}", name), "removed");
        peer->stop(std::format("{} is no member any more", name));
        settings_.on_event({name, "", "removed", "system.toml does not name it any more"});
        std::error_code not_empty;
        std::filesystem::remove(paths_.runtime / name, not_empty);
        one = peers_.erase(one);
    }
    for (const auto& member : config.members) {
        if (member.name == settings_.own.name) continue;
        const auto& name = member.name.str();
        if (const auto found = peers_.find(name); found != peers_.end()) {
            const auto& peer = found->second;
            const auto file = config.channels_between(settings_.own.name, member.name);
            const auto differs = peer->roster().compare(file);
            for (const auto& [channels, what] :
                 {std::pair(&differs.added, "added"), std::pair(&differs.removed, "removed"),
                  std::pair(&differs.changed, "changed")})
                for (const auto& channel : *channels)
                    note(changes, std::format("channel {} to {}", channel, name), what);
            peer->set_channels(file, timing);
            if (renew) peer->set_identity(identity_);
            continue;
        }
        note(changes, std::format("member {}", name), "added");
        peers_[name] = make_link(config, member);
        peers_[name]->offers_changed();
        peers_[name]->start();
    }
    update_listening_ends();
    return changes;
}

}  // namespace ssi::isfc
