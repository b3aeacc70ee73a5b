#include "daemons/ssid/configuration/reload_plan.hpp"

#include <format>
#include <map>
#include <string_view>

#include "lib/common/word_list.hpp"

namespace ssi::cluster {
namespace {

struct Change {
    const ConfigEntry* running = nullptr;
    const ConfigEntry* fresh = nullptr;

    [[nodiscard]] const ConfigEntry& any() const { return running != nullptr ? *running : *fresh; }
    [[nodiscard]] bool is_one() const {
        return running == nullptr || fresh == nullptr || running->value != fresh->value;
    }
};

std::map<std::string, Change> changes(std::span<const ConfigEntry> running, std::span<const ConfigEntry> fresh) {
    std::map<std::string, Change> found;
    for (const auto& entry : running) found[entry.path()].running = &entry;
    for (const auto& entry : fresh) found[entry.path()].fresh = &entry;
    std::erase_if(found, [](const auto& item) { return !item.second.is_one(); });
    return found;
}

bool wants_restart(const Change& change, const MemberName& own) {
    const auto& key = *change.any().key;
    if (key.restart.empty()) return false;
    if (key.table != "member") return true;
    const bool comes_or_goes = change.running == nullptr || change.fresh == nullptr;
    const bool is_others = change.any().table != "member." + own.str();
    const bool is_of_host = key.name == "watchdog" || key.name == "watchdog_device";
    return !comes_or_goes && !(is_of_host && is_others);
}

/// ssid too, whatever reads the key: it says to the cluster what runs here.
std::string with_ssid(std::string_view daemons) {
    const auto padded = std::format(" {} ", daemons);
    return std::string(daemons) + (padded.contains(" ssid ") ? "" : " ssid");
}

}  // namespace

std::vector<RestartKey> keys_wanting_restart(std::span<const ConfigEntry> running, std::span<const ConfigEntry> fresh,
                                             const MemberName& own) {
    std::vector<RestartKey> keys;
    for (const auto& [path, change] : changes(running, fresh))
        if (wants_restart(change, own)) keys.push_back({path, with_ssid(change.any().key->restart)});
    return keys;
}

std::string daemons_of(std::span<const RestartKey> keys) {
    std::string daemons;
    for (const auto& key : keys) daemons += key.daemons + " ";
    return distinct_words(daemons);
}

std::vector<std::string> changed_keys(std::span<const ConfigEntry> running, std::span<const ConfigEntry> fresh) {
    std::vector<std::string> paths;
    for (const auto& [path, change] : changes(running, fresh)) paths.push_back(path);
    return paths;
}

}  // namespace ssi::cluster
