#include "lib/common/system_config.hpp"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <format>
#include <initializer_list>
#include <limits>
#include <set>
#include <toml.hpp>
#include <utility>

#include "lib/common/plain_text.hpp"
#include "lib/common/text_file.hpp"
#include "lib/common/toml_nesting.hpp"

namespace ssi {
namespace {

/// Inside this file a fault of the configuration travels as this exception: toml11 throws at the same places.
struct ConfigFault {
    std::string diagnostic;
};

std::string position(const toml::source_location& location) {
    return std::format("{}:{}:{}", location.file_name(), location.first_line_number(), location.first_column_number());
}

/// Throws: file:line:column, what is wrong, the line with a caret and the remedy beneath it.
[[noreturn]] void fault(const toml::value& where, const std::string& what, const std::string& remedy) {
    const auto info = toml::make_error_info(what, where, remedy);
    throw ConfigFault{std::format("{}: {}", position(where.location()), toml::format_error("", info))};
}

const toml::table& table_of(const toml::value& value) {
    if (!value.is_table()) fault(value, "this must be a table", "write [...] or { KEY = VALUE, ... }");
    return value.as_table();
}

void only_keys(const toml::value& table, std::initializer_list<std::string_view> allowed) {
    for (const auto& [key, value] : table_of(table)) {
        if (std::ranges::find(allowed, key) != allowed.end()) continue;
        std::string list;
        for (const auto name : allowed) list += std::format("{}{}", list.empty() ? "" : ", ", name);
        fault(value, std::format("unknown key '{}'", key), "known here: " + list);
    }
}

const toml::value& required(const toml::value& table, const char* key) {
    if (!table.contains(key)) fault(table, std::format("'{}' is missing", key), std::format("add {} = ...", key));
    return table.at(key);
}

std::string text(const toml::value& value) {
    if (!value.is_string()) fault(value, "this must be text", "write it in quotes");
    if (!is_plain_text(value.as_string())) fault(value, "this text holds a control character", "leave it out");
    return value.as_string();
}

std::string text_or(const toml::value& table, const std::string& key, std::string otherwise) {
    return table.contains(key) ? text(table.at(key)) : std::move(otherwise);
}

double number(const toml::value& value, double least, double most) {
    if (!value.is_floating() && !value.is_integer()) fault(value, "this must be a number", "write it without quotes");
    const double result = value.is_integer() ? static_cast<double>(value.as_integer()) : value.as_floating();
    if (!(result >= least && result <= most))
        fault(value, "number out of range", std::format("use {} to {}", least, most));
    return result;
}

std::chrono::milliseconds seconds_or(const toml::value& table, const std::string& key,
                                     std::chrono::milliseconds otherwise, double scale) {
    const double seconds =
        table.contains(key) ? number(table.at(key), 0.05, 3600) : static_cast<double>(otherwise.count()) / 1000;
    return std::chrono::milliseconds(std::llround(seconds * scale * 1000));
}

template <class Name>
Name name_of(const toml::value& value) {
    auto name = Name::parse(text(value));
    if (!name) fault(value, name.error().what, name.error().remedy);
    return *std::move(name);
}

const toml::array& array_of(const toml::value& root, const std::string& key) {
    static const toml::array empty;
    if (!root.contains(key)) return empty;
    if (!root.at(key).is_array())
        fault(root.at(key), std::format("'{}' must be a list of tables", key), std::format("write [[{}]]", key));
    return root.at(key).as_array();
}

const toml::array& pair_of(const toml::value& table, const char* key) {
    const auto& value = required(table, key);
    if (!value.is_array() || value.as_array().size() != 2)
        fault(value, "this must be a list of two", "one for each end, in the order of 'members'");
    return value.as_array();
}

WatchdogConfig watchdog_of(const toml::value& value) {
    const auto kind = text(value);
    for (const auto watchdog : {WatchdogConfig::kNone, WatchdogConfig::kSoft, WatchdogConfig::kHardware})
        if (kind == text_of(watchdog)) return watchdog;
    fault(value, std::format("there is no watchdog '{}'", kind), "write \"none\", \"soft\" or \"hardware\"");
}

MemberConfig parse_member(const toml::value& table) {
    only_keys(table, {"name", "slot", "host", "watchdog", "watchdog_device"});
    MemberConfig member;
    member.name = name_of<MemberName>(required(table, "name"));
    const auto& slot_value = required(table, "slot");
    if (!slot_value.is_integer()) fault(slot_value, "a slot is a whole number", "use 1 to 32");
    auto slot = MemberSlot::from(slot_value.as_integer());
    if (!slot) fault(slot_value, slot.error().what, slot.error().remedy);
    member.slot = *slot;
    member.host = text_or(table, "host", member.name.str());
    if (table.contains("watchdog")) member.watchdog = watchdog_of(table.at("watchdog"));
    if (table.contains("watchdog_device")) {
        member.watchdog_device = text(table.at("watchdog_device"));
        if (!member.watchdog_device.is_absolute())
            fault(table.at("watchdog_device"), "a path must be absolute", "begin it with /");
    }
    return member;
}

void parse_members(const toml::value& root, SystemConfig& config) {
    std::set<int> slots;
    std::set<std::string> names;
    std::set<std::string> hosts;
    for (const auto& table : array_of(root, "member")) {
        auto member = parse_member(table);
        if (!slots.insert(member.slot.number()).second)
            fault(table.at("slot"), std::format("slot {} is taken", member.slot.number()),
                  "give each member a slot of its own");
        if (!names.insert(member.name.str()).second)
            fault(table.at("name"), std::format("member {} is defined twice", member.name.str()),
                  "give each member a name of its own");
        if (!hosts.insert(member.host).second)
            fault(table, std::format("host {} is two members", member.host), "give each member a host of its own");
        config.members.push_back(std::move(member));
    }
    if (config.members.empty()) fault(root, "no member is defined", "add a [[member]] for each host");
    std::ranges::sort(config.members, {}, &MemberConfig::slot);
}

bool is_numeric_address(const std::string& address) {
    std::array<unsigned char, sizeof(in6_addr)> buffer{};
    return inet_pton(AF_INET, address.c_str(), buffer.data()) == 1 ||
           inet_pton(AF_INET6, address.c_str(), buffer.data()) == 1;
}

int whole_number(const toml::value& value, int least, int most) {
    if (!value.is_integer()) fault(value, "this must be a whole number", std::format("use {} to {}", least, most));
    return static_cast<int>(number(value, least, most));
}

/// A bus id of the channel subsystem, in the kernel's spelling.
std::string subchannel(const toml::value& value) {
    std::string id = text(value);
    std::ranges::transform(id, id.begin(), [](unsigned char letter) { return std::tolower(letter); });
    unsigned system = 0;
    unsigned set = 0;
    unsigned device = 0;
    if (std::sscanf(id.c_str(), "%2x.%1x.%4x", &system, &set, &device) != 3 || set > 3 ||
        id != std::format("{:x}.{:x}.{:04x}", system, set, device))
        fault(value, "this is no subchannel", "write its bus id: \"0.0.0600\" (lscss)");
    return id;
}

CtcSettings parse_ctc_settings(const toml::value& table) {
    CtcSettings settings;
    if (table.contains("protocol")) {
        const auto& value = table.at("protocol");
        settings.protocol = whole_number(value, 0, 3);
        if (settings.protocol == 2)
            fault(value, "protocol 2 carries no network", "use 0, 1 or 3, the same as the peer");
    }
    // The limits of the kernel's ctcm; 8 bytes of each buffer are its headers.
    if (table.contains("buffer")) settings.buffer = whole_number(table.at("buffer"), 584, 65535);
    settings.mtu = settings.buffer - 8;
    if (table.contains("mtu")) settings.mtu = whole_number(table.at("mtu"), 576, settings.mtu);
    return settings;
}

/// The keys of driver = "ctc"; `ends` in the order of the file.
void parse_ctc(const toml::value& table, const SystemConfig& config, std::array<ChannelEnd, 2>& ends,
               CtcSettings& settings) {
    if (table.contains("interfaces"))
        fault(table.at("interfaces"), "a ctc channel has no 'interfaces'", "leave it out: the kernel names them");
    settings = parse_ctc_settings(table);
    const auto& devices = pair_of(table, "devices");
    for (std::size_t i = 0; i < ends.size(); ++i) {
        const auto& pair = devices[i];
        if (!pair.is_array() || pair.as_array().size() != 2)
            fault(pair, "these must be two subchannels", "write the one to read from, then the one to write to");
        ends[i].devices = {subchannel(pair.as_array()[0]), subchannel(pair.as_array()[1])};
        if (ends[i].devices.read == ends[i].devices.write)
            fault(pair, "a ctc channel needs two subchannels", "write the one to read from, then the one to write to");
        const auto& address = table.at("addresses").as_array()[i];
        if (ends[i].address.contains(':')) fault(address, "a ctc channel carries IPv4 only", "use an IPv4 address");
        for (const auto& other : config.channels) {
            if (other.driver != ChannelDriver::kCtc || !other.joins(ends[i].member)) continue;
            const auto& taken = other.end_at(ends[i].member);
            for (const auto& id : {taken.devices.read, taken.devices.write})
                if (id == ends[i].devices.read || id == ends[i].devices.write)
                    fault(pair, std::format("{} has subchannel {} in two channels", ends[i].member.str(), id),
                          "give each channel two of its own");
            if (taken.address == ends[i].address)
                fault(address, std::format("{} is used by two ctc channels", taken.address),
                      "give each end of each an address of its own");
        }
    }
    if (ends[0].address == ends[1].address)
        fault(table.at("addresses"), "both ends have the same address", "give each end an address of its own");
}

void parse_driver(const toml::value& table, const SystemConfig& config, std::array<ChannelEnd, 2>& ends,
                  ChannelConfig& channel) {
    const auto name = text_or(table, "driver", "tcp");
    if (name == "ctc") {
        channel.driver = ChannelDriver::kCtc;
        parse_ctc(table, config, ends, channel.ctc);
        return;
    }
    if (name != "tcp")
        fault(table.at("driver"), std::format("there is no driver '{}'", name), "use \"tcp\" or \"ctc\"");
    for (const auto* key : {"devices", "protocol", "buffer", "mtu"})
        if (table.contains(key))
            fault(table.at(key), std::format("'{}' belongs to driver \"ctc\"", key),
                  "add driver = \"ctc\", or leave it out");
}

Encryption parse_encryption(const toml::value& value) {
    const auto word = text(value);
    if (word == "tls") return Encryption::kTls;
    if (word != "none") fault(value, std::format("there is no encryption '{}'", word), R"(use "tls" or "none")");
    return Encryption::kNone;
}

ChannelConfig parse_channel(const toml::value& table, const SystemConfig& config) {
    only_keys(table, {"name", "members", "addresses", "interfaces", "port", "encryption", "driver", "devices",
                      "protocol", "buffer", "mtu"});
    std::array<ChannelEnd, 2> ends;
    const auto& members = pair_of(table, "members");
    const auto& addresses = pair_of(table, "addresses");
    for (std::size_t i = 0; i < ends.size(); ++i) {
        ends[i].member = name_of<MemberName>(members[i]);
        if (config.find(ends[i].member) == nullptr)
            fault(members[i], std::format("there is no member {}", ends[i].member.str()), "define it with [[member]]");
        ends[i].address = text(addresses[i]);
        if (!is_numeric_address(ends[i].address))
            fault(addresses[i], "this is no IP address", "write it in numbers, without a port");
        if (table.contains("interfaces")) ends[i].interface = text(pair_of(table, "interfaces")[i]);
    }
    if (ends[0].member == ends[1].member)
        fault(table.at("members"), "a channel joins two different members", "name the other one");
    ChannelConfig channel;
    parse_driver(table, config, ends, channel);
    if (config.find(ends[0].member)->slot > config.find(ends[1].member)->slot) std::swap(ends[0], ends[1]);
    channel.lower = ends[0];
    channel.higher = ends[1];
    channel.name =
        text_or(table, "name", std::to_string(config.channels_between(ends[0].member, ends[1].member).size()));
    if (table.contains("port")) channel.port = static_cast<std::uint16_t>(number(table.at("port"), 1, 65535));
    if (table.contains("encryption")) channel.encryption = parse_encryption(table.at("encryption"));
    for (const auto& other : config.channels) {
        if (other.lower.member == channel.lower.member && other.higher.member == channel.higher.member &&
            other.name == channel.name)
            fault(table, std::format("channel '{}' between these members is defined twice", channel.name),
                  "give it another name");
        if (other.higher.address == channel.higher.address && other.port == channel.port)
            fault(table, std::format("{} port {} is used by two channels", channel.higher.address, channel.port),
                  "use another address or port");
    }
    return channel;
}

FenceMethod fence_method_of(const toml::value& value) {
    const auto word = text(value);
    for (const auto method : {FenceMethod::kAgent, FenceMethod::kTime, FenceMethod::kOperator})
        if (word == text_of(method)) return method;
    fault(value, std::format("there is no method '{}'", word), R"(write "agent", "time" or "operator")");
}

FenceConfig parse_fence(const toml::value& table, const SystemConfig& config) {
    only_keys(table, {"name", "method", "agent", "credentials", "timeout_s", "options", "plugs"});
    FenceConfig fence;
    fence.name = text(required(table, "name"));
    if (table.contains("method")) fence.method = fence_method_of(table.at("method"));
    if (fence.method != FenceMethod::kAgent) {
        for (const auto* key : {"agent", "credentials", "timeout_s", "options", "plugs"})
            if (table.contains(key))
                fault(table.at(key), std::format("'{}' belongs to method \"agent\"", key),
                      "leave it, or 'method', out");
        return fence;
    }
    fence.agent = text(required(table, "agent"));
    if (table.contains("credentials")) {
        fence.credentials = text(table.at("credentials"));
        if (!fence.credentials.is_absolute())
            fault(table.at("credentials"), "a path must be absolute", "write \"/etc/ssi/fence/NAME\"");
    }
    if (fence.agent.is_relative()) fence.agent = std::filesystem::path("/usr/sbin") / fence.agent;
    // Not scaled: it is the device's time, not ours.
    fence.timeout = seconds_or(table, "timeout_s", fence.timeout, 1.0);
    if (table.contains("options"))
        for (const auto& [key, value] : table_of(table.at("options"))) fence.options[key] = text(value);
    if (table.contains("plugs"))
        for (const auto& [key, value] : table_of(table.at("plugs"))) {
            auto member = MemberName::parse(key);
            if (!member || config.find(*member) == nullptr)
                fault(value, std::format("there is no member {}", key), "define it with [[member]]");
            fence.plugs[key] = text(value);
        }
    return fence;
}

void parse_fences(const toml::value& root, SystemConfig& config) {
    for (const auto& table : array_of(root, "fence")) {
        auto fence = parse_fence(table, config);
        if (std::ranges::contains(config.fences, fence.name, &FenceConfig::name))
            fault(table.at("name"), std::format("fence {} is defined twice", fence.name),
                  "give each [[fence]] a name of its own");
        if (!config.fences.empty() && config.fences.back().method == FenceMethod::kOperator)
            fault(table, std::format("fence {} is never tried", fence.name),
                  "move it before the one with method \"operator\"");
        config.fences.push_back(std::move(fence));
    }
}

TimingConfig parse_timing(const toml::value& root) {
    static const toml::value none{toml::table{}};
    const auto& table = root.contains("timing") ? root.at("timing") : none;
    only_keys(table, {"scale", "beat_s", "silence_s", "fence_s", "boot_s", "hook_s", "right_lifetime_s", "lease_s",
                      "watchdog_s", "engine_heartbeat_s", "engine_election_s"});
    TimingConfig timing;
    timing.scale = table.contains("scale") ? number(table.at("scale"), 0.1, 20) : 1.0;
    timing.beat = seconds_or(table, "beat_s", timing.beat, timing.scale);
    timing.silence = seconds_or(table, "silence_s", timing.silence, timing.scale);
    timing.fence = seconds_or(table, "fence_s", timing.fence, timing.scale);
    timing.boot = seconds_or(table, "boot_s", timing.boot, 1.0);
    timing.hook = seconds_or(table, "hook_s", timing.hook, timing.scale);
    timing.right_lifetime = seconds_or(table, "right_lifetime_s", timing.right_lifetime, timing.scale);
    timing.lease = seconds_or(table, "lease_s", timing.lease, timing.scale);
    timing.watchdog = seconds_or(table, "watchdog_s", timing.watchdog, timing.scale);
    timing.engine_heartbeat = seconds_or(table, "engine_heartbeat_s", timing.engine_heartbeat, timing.scale);
    timing.engine_election = seconds_or(table, "engine_election_s", timing.engine_election, timing.scale);
    if (timing.silence < 4 * timing.beat)
        fault(table, "silence_s must be at least four times beat_s", "a member that misses one beat is not silent");
    const std::chrono::milliseconds scaled_second(std::llround(1000 * timing.scale));
    // SAFETY 4: an election must not cost the lease, nor must the one that follows it.
    if (timing.lease < timing.beat + 2 * timing.engine_election + scaled_second)
        fault(table, "lease_s must be at least beat_s + 2 * engine_election_s + 1",
              "an election would end the lease of a healthy member");
    if (timing.watchdog < 4 * timing.beat)
        fault(table, "watchdog_s must be at least four times beat_s", "it is fed once a beat");
    if (timing.fence < 3 * timing.beat || timing.fence > timing.silence)
        fault(table, "fence_s must be at least three times beat_s, and no more than silence_s",
              "a member that misses one beat is not to be fenced");
    if (timing.engine_election < 5 * timing.engine_heartbeat)
        fault(table, "engine_election_s must be at least five times engine_heartbeat_s",
              "etcd refuses to start otherwise");
    return timing;
}

LinkConfig parse_link(const toml::value& root, double scale) {
    static const toml::value none{toml::table{}};
    const auto& table = root.contains("link") ? root.at("link") : none;
    only_keys(table, {"memory_mib", "timeout_s"});
    LinkConfig link;
    if (table.contains("memory_mib")) link.memory_mib = whole_number(table.at("memory_mib"), 4, 4096);
    link.timeout = seconds_or(table, "timeout_s", link.timeout, scale);
    return link;
}

PdrConfig parse_pdr(const toml::value& root) {
    PdrConfig pdr;
    if (!root.contains("pdr")) return pdr;
    const auto& table = root.at("pdr");
    only_keys(table, {"device"});
    pdr.device = text(required(table, "device"));
    if (!pdr.device.is_absolute()) fault(table.at("device"), "a path must be absolute", "begin it with /");
    return pdr;
}

void parse_cluster(const toml::value& root, SystemConfig& config) {
    const auto& table = required(root, "cluster");
    only_keys(table, {"name", "uuid"});
    config.cluster = name_of<MemberName>(required(table, "name")).str();
    if (config.cluster.size() > 32) fault(table.at("name"), "the cluster's name is too long", "use at most 32 letters");
    config.cluster_uuid = name_of<GuestUuid>(required(table, "uuid")).str();
}

SystemConfig parse_root(const toml::value& root) {
    only_keys(root, {"cluster", "timing", "link", "pdr", "tls", "member", "channel", "fence"});
    SystemConfig config;
    parse_cluster(root, config);
    config.timing = parse_timing(root);
    config.link = parse_link(root, config.timing.scale);
    config.pdr = parse_pdr(root);
    parse_members(root, config);
    for (const auto& table : array_of(root, "channel")) config.channels.push_back(parse_channel(table, config));
    parse_fences(root, config);
    if (root.contains("tls")) {
        only_keys(root.at("tls"), {"directory"});
        config.pki = text_or(root.at("tls"), "directory", config.pki);
    }
    return config;
}

std::unexpected<Error> invalid(std::string diagnostic, const std::string& file) {
    return failure(ErrorCode::kConfigInvalid, std::move(diagnostic), file,
                   std::format("mend {} and start again", file));
}

}  // namespace

std::string FenceConfig::plug_of(const MemberName& member) const {
    const auto plug = plugs.find(member.str());
    return plug == plugs.end() ? member.str() : plug->second;
}

const MemberConfig* SystemConfig::find(const MemberName& name) const {
    const auto found = std::ranges::find(members, name, &MemberConfig::name);
    return found == members.end() ? nullptr : &*found;
}

std::vector<MemberName> SystemConfig::voters() const {
    const std::size_t count = members.size() >= 5 ? 5 : members.size() >= 3 ? 3 : 1;
    std::vector<MemberName> names;
    for (std::size_t i = 0; i < count; ++i) names.push_back(members[i].name);
    return names;
}

std::vector<ChannelConfig> SystemConfig::channels_between(const MemberName& one, const MemberName& other) const {
    std::vector<ChannelConfig> found;
    std::ranges::copy_if(channels, std::back_inserter(found),
                         [&](const ChannelConfig& channel) { return channel.joins(one) && channel.joins(other); });
    return found;
}

std::string_view text_of(WatchdogConfig watchdog) {
    switch (watchdog) {
        case WatchdogConfig::kSoft:
            return "soft";
        case WatchdogConfig::kHardware:
            return "hardware";
        case WatchdogConfig::kNone:
            break;
    }
    return "none";
}

std::string_view text_of(FenceMethod method) {
    switch (method) {
        case FenceMethod::kTime:
            return "time";
        case FenceMethod::kOperator:
            return "operator";
        case FenceMethod::kAgent:
            break;
    }
    return "agent";
}

Result<SystemConfig> parse_system_config(std::string_view text, const std::string& file) {
    if (auto checked = check_toml_nesting(text, file); !checked) return std::unexpected(checked.error());
    try {
        auto parsed = toml::try_parse(std::vector<unsigned char>(text.begin(), text.end()), file);
        if (parsed.is_err()) {
            const auto& info = parsed.unwrap_err().front();
            const auto place = info.locations().empty() ? file : position(info.locations().front().first);
            return invalid(std::format("{}: {}", place, toml::format_error("", info)), file);
        }
        return parse_root(parsed.unwrap());
    } catch (const ConfigFault& found) {
        return invalid(found.diagnostic, file);
    } catch (const toml::exception& error) {
        return invalid(std::format("{}: {}", file, error.what()), file);
    }
}

Result<SystemConfig> load_system_config(const std::filesystem::path& file) {
    const auto content = read_text_file(file);
    if (!content)
        return failure(ErrorCode::kConfigMissing, std::format("cannot read {}", file.string()), file.string(),
                       "write it; /etc/ssi/system.toml.example has an example");
    return parse_system_config(*content, file.string());
}

Result<MemberName> own_member(const SystemConfig& config, std::string_view wanted, std::string_view host_name) {
    for (const auto& member : config.members)
        if (wanted.empty() ? member.host == host_name : member.name.str() == wanted) return member.name;
    const auto subject = wanted.empty() ? std::format("this host, {},", host_name) : std::string(wanted);
    return failure(ErrorCode::kMemberUnknown, std::format("{} is no member of cluster {}", subject, config.cluster),
                   std::string(wanted.empty() ? host_name : wanted),
                   "add a [[member]] with its name, or host = \"...\", to system.toml");
}

Result<MemberName> own_member(const SystemConfig& config, std::string_view wanted) {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) return system_failure("gethostname", "", errno);
    return own_member(config, wanted, host.data());
}

}  // namespace ssi
