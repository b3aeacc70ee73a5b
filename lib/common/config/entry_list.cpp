#include "lib/common/config/entry_list.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <map>
#include <set>
#include <utility>

#include "lib/common/config/toml_values.hpp"

namespace ssi::config {
namespace {

std::string in_quotes(std::string_view text) {
    std::string result = "\"";
    for (const char letter : text) {
        if (letter == '"' || letter == '\\') result += '\\';
        result += letter;  // no control characters: they were refused
    }
    return result + '"';
}

std::string joined(const std::vector<std::string>& parts) {
    std::string list;
    for (const auto& part : parts) list += std::format("{}{}", list.empty() ? "" : ", ", part);
    return list;
}

/// One spelling for what means the same.
std::string spelled(const toml::value& value) {
    if (value.is_string()) return in_quotes(value.as_string());
    if (value.is_boolean()) return value.as_boolean() ? "true" : "false";
    if (value.is_integer()) return std::to_string(value.as_integer());
    if (value.is_floating()) return std::format("{}", value.as_floating());
    std::vector<std::string> parts;
    if (value.is_array()) {
        for (const auto& one : value.as_array()) parts.push_back(spelled(one));
        return std::format("[{}]", joined(parts));
    }
    const std::map<std::string, toml::value> sorted(value.as_table().begin(), value.as_table().end());
    for (const auto& [key, one] : sorted) parts.push_back(std::format("{} = {}", in_quotes(key), spelled(one)));
    return parts.empty() ? "{}" : std::format("{{ {} }}", joined(parts));
}

/// The keys of one table, in the order of the manual. `standards`: defaults that depend on other keys.
class TableEntries {
  public:
    TableEntries(std::vector<ConfigEntry>& list, std::string_view kind, std::string table)
        : list_(list), kind_(kind), table_(std::move(table)) {}
    TableEntries& standard(std::string_view key, std::string value) {
        standards_[key] = std::move(value);
        return *this;
    }
    /// The file's first end is the one at the higher slot.
    TableEntries& turned(bool turned) {
        turned_ = turned;
        return *this;
    }
    /// The others mean nothing in this table.
    TableEntries& only(std::set<std::string_view> keys) {
        only_ = std::move(keys);
        return *this;
    }
    void add(const toml::value& values) {
        for (const auto& key : config_keys()) {
            if (key.table != kind_ || (!only_.empty() && !only_.contains(key.name))) continue;
            ConfigEntry entry{&key, table_, "", std::string(key.standard)};
            if (const auto found = standards_.find(key.name); found != standards_.end()) entry.standard = found->second;
            const std::string name(key.name);
            entry.is_set = values.contains(name);
            entry.value = entry.standard;
            if (entry.is_set) take(entry, values.at(name));
            if (!entry.value.empty()) list_.push_back(std::move(entry));
        }
    }

  private:
    void take(ConfigEntry& entry, const toml::value& value) const {
        entry.line = value.location().first_line_number();
        entry.value = spelled(value);
        if (kind_ != "channel" || !value.is_array()) return;
        const auto& pair = value.as_array();
        entry.ends = std::array{spelled(pair[turned_ ? 1 : 0]), spelled(pair[turned_ ? 0 : 1])};
        entry.value = std::format("[{}, {}]", entry.ends->front(), entry.ends->back());
    }

    std::vector<ConfigEntry>& list_;
    std::string_view kind_;
    std::string table_;
    std::map<std::string_view, std::string> standards_;
    std::set<std::string_view> only_;
    bool turned_ = false;
};

void add_members(const toml::value& root, std::vector<ConfigEntry>& list, const SystemConfig& config) {
    for (const auto& member : config.members) {
        const auto& tables = array_of(root, "member");
        const auto found = std::ranges::find_if(
            tables, [&](const toml::value& table) { return table.at("name").as_string() == member.name.str(); });
        TableEntries(list, "member", "member." + member.name.str())
            .standard("host", in_quotes(member.name.str()))
            .add(*found);
    }
}

void add_channels(const toml::value& root, std::vector<ConfigEntry>& list, const SystemConfig& config) {
    const auto& tables = array_of(root, "channel");
    for (std::size_t i = 0; i < config.channels.size(); ++i) {
        const auto& channel = config.channels[i];
        const auto& lower = channel.lower.member.str();
        TableEntries(list, "channel", std::format("channel.{}/{}/{}", lower, channel.higher.member.str(), channel.name))
            .standard("name", in_quotes(channel.name))
            .standard("protocol", channel.driver == ChannelDriver::kCtc ? "0" : "")
            .standard("buffer", channel.driver == ChannelDriver::kCtc ? "32768" : "")
            .standard("mtu", channel.driver == ChannelDriver::kCtc ? std::to_string(channel.ctc.buffer - 8) : "")
            .turned(tables[i].at("members").as_array()[0].as_string() != lower)
            .add(tables[i]);
    }
}

/// Those of a [[fence]] that mean something with its method.
std::set<std::string_view> keys_of(FenceMethod method) {
    switch (method) {
        case FenceMethod::kAgent:
            return {"name", "method", "agent", "timeout_s", "options", "credentials", "plugs"};
        case FenceMethod::kReservations:
            return {"name", "method", "timeout_s", "volumes", "all_disks"};
        case FenceMethod::kTime:
        case FenceMethod::kOperator:
            break;
    }
    return {"name", "method"};
}

}  // namespace

std::vector<ConfigEntry> entries_of(const toml::value& root, const SystemConfig& config) {
    std::vector<ConfigEntry> list;
    for (const auto* table : {"cluster", "timing", "link", "pdr", "tls"})
        TableEntries(list, table, table).add(table_or_none(root, table));
    add_members(root, list, config);
    add_channels(root, list, config);
    const auto& fences = array_of(root, "fence");
    for (std::size_t i = 0; i < fences.size(); ++i) {
        TableEntries entries(list, "fence", std::format("fence.{}", i + 1));
        entries.only(keys_of(config.fences[i].method));
        entries.add(fences[i]);
    }
    return list;
}

}  // namespace ssi::config
