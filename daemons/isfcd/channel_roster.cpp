#include "daemons/isfcd/channel_roster.hpp"

#include <algorithm>
#include <format>
#include <set>
#include <utility>

namespace ssi::isfc {

std::string_view ChannelEntry::state() const {
    if (live) return "up";
    return deactivated ? "deactivated" : "down";
}

ChannelEntry* ChannelRoster::find(const std::string& name) {
    const auto found = entries_.find(name);
    return found == entries_.end() ? nullptr : &found->second;
}

const ChannelEntry* ChannelRoster::find(const std::string& name) const {
    const auto found = entries_.find(name);
    return found == entries_.end() ? nullptr : &found->second;
}

std::size_t ChannelRoster::up() const {
    return static_cast<std::size_t>(std::ranges::count_if(entries_, [](auto& one) { return !!one.second.live; }));
}

std::size_t ChannelRoster::active() const {
    return static_cast<std::size_t>(std::ranges::count_if(entries_, [](auto& one) { return !one.second.deactivated; }));
}

std::unexpected<Error> ChannelRoster::unknown(const std::string& name) const {
    return failure(ErrorCode::kChannelUnknown,
                   std::format("there is no channel {} between {} and {}", name, own_.str(), peer_.str()), name,
                   "see ssictl islink list; a new one needs --own-address and --peer-address");
}

ChannelRoster::Changes ChannelRoster::compare(const std::vector<ChannelConfig>& file) const {
    Changes changes;
    std::set<std::string> named;
    for (const auto& channel : file) {
        named.insert(channel.name);
        const auto* known = find(channel.name);
        if (known == nullptr)
            changes.added.push_back(channel.name);
        else if (known->config != channel)
            changes.changed.push_back(channel.name);
    }
    for (const auto& [name, entry] : entries_)
        if (entry.origin == ChannelOrigin::kFile && !named.contains(name)) changes.removed.push_back(name);
    return changes;
}

void ChannelRoster::set_file(const std::vector<ChannelConfig>& file, Time now) {
    for (const auto& name : compare(file).removed) entries_.erase(name);
    for (const auto& channel : file) {
        auto [entry, added] = entries_.try_emplace(channel.name);
        if (added) entry->second.since = now;
        entry->second.config = channel;
        entry->second.origin = ChannelOrigin::kFile;
    }
}

Result<void> ChannelRoster::add(const ChannelConfig& channel, Time now) {
    ChannelEntry entry;
    entry.config = channel;
    entry.origin = ChannelOrigin::kRunTime;
    entry.since = now;
    if (entries_.try_emplace(channel.name, std::move(entry)).second) return {};
    return failure(
        ErrorCode::kChannelExists,
        std::format("there is a channel {} between {} and {} already", channel.name, own_.str(), peer_.str()),
        channel.name, "take another name, the same on both members");
}

Result<bool> ChannelRoster::activate(const std::string& name, Time now) {
    auto* entry = find(name);
    if (entry == nullptr) return unknown(name);
    if (!std::exchange(entry->deactivated, false)) return false;
    entry->since = now;
    entry->problem.clear();
    return true;
}

Result<bool> ChannelRoster::deactivate(const std::string& name, bool force, Time now) {
    auto* entry = find(name);
    if (entry == nullptr) return unknown(name);
    if (entry->deactivated) return false;
    if (entry->live && up() == 1 && !force)
        return failure(ErrorCode::kLastChannel,
                       std::format("{} is the last channel to {} that works", name, peer_.str()), name,
                       "bring another one up first, or give --force");
    entry->deactivated = true;
    entry->since = now;
    entry->problem.clear();
    return true;
}

void ChannelRoster::came_up(const std::string& name, LiveChannel live, Time now) {
    auto* entry = find(name);
    if (entry == nullptr) return;
    if (!entry->live) entry->since = now;
    entry->live = std::move(live);
    entry->problem.clear();
    ++entry->times_up;
}

bool ChannelRoster::went_down(const std::string& name, std::uint32_t id, const CarriedBytes& carried, Time now) {
    auto* entry = find(name);
    if (entry == nullptr) return false;
    entry->sent_bytes += carried.sent;
    entry->received_bytes += carried.received;
    entry->resent_bytes += carried.resent;
    if (!entry->live || entry->live->id != id) return false;
    entry->live.reset();
    entry->since = now;
    return true;
}

bool ChannelRoster::has_problem(const std::string& name, const std::string& problem) {
    auto* entry = find(name);
    return entry != nullptr && std::exchange(entry->problem, problem) != problem;
}

/// The connecting end makes a channel anew when anything in its configuration has changed. The listening end can only
/// close it, and does so where the old connection is not what the administrator wants any more: its encryption.
bool ChannelRoster::is_stale(const ChannelEntry& entry, std::uint64_t identity) const {
    if (!entry.live) return false;
    const auto& live = *entry.live;
    if (live.config.encryption == Encryption::kTls && live.identity != identity) return true;
    const bool connects = entry.config.lower.member == own_;
    return connects ? live.config != entry.config : live.config.encryption != entry.config.encryption;
}

std::optional<std::string> ChannelRoster::next_to_renew(std::uint64_t identity) const {
    for (const auto& [name, entry] : entries_) {
        if (!is_stale(entry, identity)) continue;
        if (up() > 1 || active() == 1) return name;
    }
    return std::nullopt;
}

Result<void> check_listening_ends(const std::vector<ChannelConfig>& channels) {
    std::map<std::pair<std::string, std::uint16_t>, const ChannelConfig*> taken;
    for (const auto& channel : channels) {
        const auto [other, fresh] = taken.try_emplace({channel.higher.address, channel.port}, &channel);
        if (fresh) continue;
        const auto describe = [](const ChannelConfig& one) {
            return std::format("channel {} between {} and {}", one.name, one.lower.member.str(),
                               one.higher.member.str());
        };
        return failure(ErrorCode::kChannelExists,
                       std::format("{} and {} both listen at {} port {}", describe(*other->second), describe(channel),
                                   channel.higher.address, channel.port),
                       channel.name, "take another address or port");
    }
    return {};
}

}  // namespace ssi::isfc
