// The part of PeerLink that makes the interfaces of channels with a driver.
#include "daemons/isfcd/driver/ctc_driver.hpp"
#include "daemons/isfcd/peer_link.hpp"

namespace ssi::isfc {

/// Every active channel that wants one has a driver for what its configuration says now; the others are retired.
void PeerLink::update_drivers() {
    const auto wanted = [this](const std::string& name) -> const ChannelConfig* {
        const auto* entry = roster_.find(name);
        const bool is_wanted = entry != nullptr && !entry->deactivated && entry->config.driver == ChannelDriver::kCtc;
        return is_wanted ? &entry->config : nullptr;
    };
    std::map<std::string, std::shared_ptr<CtcDriver>> retired;  // by device
    for (const auto& [name, driver] : std::map(drivers_)) {
        if (const auto* config = wanted(name); config != nullptr && *config == driver->channel()) continue;
        driver->retire();
        retired[driver->channel().end_at(settings_.own.name).devices.read] = driver;
        drivers_.erase(name);
    }
    for (const auto& [name, entry] : roster_.entries()) {
        if (wanted(name) == nullptr || drivers_.contains(name)) continue;
        CtcWorld world;
        world.records = settings_.runtime_directory / ".ctc";
        // A handshake takes its own time on top of that of the two ctcm.
        const auto handshake = settings_.timing.handshake + settings_.timing.backoff_most;
        world.times.patience_first += handshake;
        world.times.patience_second += handshake;
        const auto carries = [weak = weak_from_this(), channel = name] {
            const auto self = weak.lock();
            const auto* known = self ? self->roster_.find(channel) : nullptr;
            return known != nullptr && known->live;
        };
        const auto driver =
            std::make_shared<CtcDriver>(executor_, entry.config, settings_.own.name, std::move(world), carries);
        drivers_[name] = driver;
        const auto before = retired.find(entry.config.end_at(settings_.own.name).devices.read);
        driver->start(before == retired.end() ? nullptr : before->second);
    }
}

/// What a connection of the channel is bound to (empty: to no interface), as soon as it is up; nothing if the channel's
/// driver ended before that.
boost::asio::awaitable<std::optional<std::string>> PeerLink::interface_for(std::string channel) {
    const auto found = drivers_.find(channel);
    if (found == drivers_.end()) co_return roster_.find(channel)->config.lower.interface;
    const auto driver = found->second;
    auto interface = co_await driver->wait_for_interface();
    if (interface.empty()) co_return std::nullopt;
    co_return interface;
}

/// Without it no connection can be made, and the driver has told why.
bool PeerLink::has_interface(const std::string& channel) const {
    const auto found = drivers_.find(channel);
    return found == drivers_.end() || found->second->is_up();
}

}  // namespace ssi::isfc
