#include "lib/common/config/sections.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <initializer_list>
#include <set>
#include <utility>

namespace ssi::config {
namespace {

WatchdogConfig watchdog_of(const toml::value& value) {
    const auto kind = text(value);
    for (const auto watchdog : {WatchdogConfig::kNone, WatchdogConfig::kSoft, WatchdogConfig::kHardware})
        if (kind == text_of(watchdog)) return watchdog;
    fault(value, std::format("there is no watchdog '{}'", kind), "write \"none\", \"soft\" or \"hardware\"");
}

std::filesystem::path absolute_path(const toml::value& value, const std::string& remedy) {
    std::filesystem::path path = text(value);
    if (!path.is_absolute()) fault(value, "a path must be absolute", remedy);
    return path;
}

MemberSlot slot_of(const toml::value& value) {
    if (!value.is_integer()) fault(value, "a slot is a whole number", "use 1 to 32");
    auto slot = MemberSlot::from(value.as_integer());
    if (!slot) fault(value, slot.error().what, slot.error().remedy);
    return *slot;
}

MemberConfig parse_member(const toml::value& table, Faults& faults) {
    only_known_keys(table, "member", faults);
    MemberConfig member;
    faults.within([&] { member.name = name_of<MemberName>(required(table, "name")); });
    faults.within([&] { member.slot = slot_of(required(table, "slot")); });
    faults.within([&] { member.host = text_or(table, "host", member.name.str()); });
    faults.within([&] {
        if (table.contains("watchdog")) member.watchdog = watchdog_of(table.at("watchdog"));
    });
    faults.within([&] {
        if (table.contains("watchdog_device"))
            member.watchdog_device = absolute_path(table.at("watchdog_device"), "begin it with /");
    });
    return member;
}

/// What each member must have for itself.
struct Taken {
    std::set<int> slots;
    std::set<std::string> names;
    std::set<std::string> hosts;

    void take(const toml::value& table, const MemberConfig& member, Faults& faults) {
        faults.within([&] {
            if (member.slot.number() != 0 && !slots.insert(member.slot.number()).second)
                fault(table.at("slot"), std::format("slot {} is taken", member.slot.number()),
                      "give each member a slot of its own");
        });
        faults.within([&] {
            if (!member.name.empty() && !names.insert(member.name.str()).second)
                fault(table.at("name"), std::format("member {} is defined twice", member.name.str()),
                      "give each member a name of its own");
            if (!member.host.empty() && !hosts.insert(member.host).second)
                fault(table, std::format("host {} is two members", member.host), "give each member a host of its own");
        });
    }
};

FenceMethod fence_method_of(const toml::value& value) {
    const auto word = text(value);
    using enum FenceMethod;
    for (const auto method : {kAgent, kTime, kOperator, kReservations})
        if (word == text_of(method)) return method;
    fault(value, std::format("there is no method '{}'", word),
          R"(write "agent", "time", "reservations" or "operator")");
}

/// The keys of method "agent".
void parse_agent(const toml::value& table, const SystemConfig& config, FenceConfig& fence, Faults& faults) {
    faults.within([&] {
        fence.agent = text(required(table, "agent"));
        if (fence.agent.is_relative()) fence.agent = std::filesystem::path("/usr/sbin") / fence.agent;
    });
    faults.within([&] {
        if (table.contains("credentials"))
            fence.credentials = absolute_path(table.at("credentials"), "write \"/etc/ssi/fence/NAME\"");
    });
    faults.within([&] {
        if (!table.contains("options")) return;
        for (const auto& [key, value] : table_of(table.at("options")))
            faults.within([&] { fence.options[key] = text(value); });
    });
    faults.within([&] {
        if (!table.contains("plugs")) return;
        for (const auto& [key, value] : table_of(table.at("plugs")))
            faults.within([&] {
                must_be_member(value, key, config);
                fence.plugs[key] = text(value);
            });
    });
}

/// The keys of method "reservations".
void parse_reservations(const toml::value& table, const SystemConfig& config, FenceConfig& fence, Faults& faults) {
    faults.within([&] {
        if (config.pdr.device.empty())
            fault(table.at("method"), "reservations prove nothing without a PDR", "add [pdr], or use another method");
    });
    faults.within([&] {
        if (!table.contains("volumes")) return;
        const auto& list = table.at("volumes");
        if (!list.is_array()) fault(list, "this must be a list", "write [\"/dev/disk/by-id/...\", ...]");
        for (const auto& value : list.as_array())
            faults.within([&] {
                auto volume = absolute_path(value, "name a disk by its /dev/disk/by-id").lexically_normal();
                if (std::ranges::contains(fence.volumes, volume))
                    fault(value, std::format("volume {} is named twice", volume.string()), "name it once");
                fence.volumes.push_back(std::move(volume));
            });
    });
    faults.within([&] { fence.all_disks = truth_or(table, "all_disks", fence.all_disks); });
}

/// The keys that go with some methods only.
void only_keys_of(FenceMethod method, const toml::value& table, Faults& faults) {
    using enum FenceMethod;
    const auto refuse = [&](std::initializer_list<const char*> keys, std::string_view owner) {
        for (const auto* key : keys)
            faults.within([&] {
                if (table.contains(key))
                    fault(table.at(key), std::format("'{}' belongs to method {}", key, owner),
                          "leave it, or 'method', out");
            });
    };
    if (method != kAgent) refuse({"agent", "credentials", "options", "plugs"}, R"("agent")");
    if (method != kReservations) refuse({"volumes", "all_disks"}, R"("reservations")");
    if (method != kAgent && method != kReservations) refuse({"timeout_s"}, R"("agent" or "reservations")");
}

FenceConfig parse_fence(const toml::value& table, const SystemConfig& config, Faults& faults) {
    only_known_keys(table, "fence", faults);
    FenceConfig fence;
    faults.within([&] { fence.name = text(required(table, "name")); });
    const auto before = faults.count();
    faults.within([&] {
        if (table.contains("method")) fence.method = fence_method_of(table.at("method"));
    });
    if (faults.count() != before) return fence;  // which keys belong to it is not known
    only_keys_of(fence.method, table, faults);
    if (fence.method == FenceMethod::kAgent) parse_agent(table, config, fence, faults);
    if (fence.method == FenceMethod::kReservations) parse_reservations(table, config, fence, faults);
    // Not scaled: it is the device's time, not ours.
    faults.within([&] { fence.timeout = seconds_or(table, "timeout_s", fence.timeout, 1.0); });
    return fence;
}

/// What each [[fence]] must be among the others.
void must_have_its_place(const toml::value& table, const FenceConfig& fence, const SystemConfig& config) {
    if (!fence.name.empty() && std::ranges::contains(config.fences, fence.name, &FenceConfig::name))
        fault(table.at("name"), std::format("fence {} is defined twice", fence.name),
              "give each [[fence]] a name of its own");
    if (fence.method == FenceMethod::kReservations &&
        std::ranges::contains(config.fences, FenceMethod::kReservations, &FenceConfig::method))
        fault(table, std::format("fence {} is the second with method \"reservations\"", fence.name),
              "name all volumes in one");
    if (!config.fences.empty() && config.fences.back().method == FenceMethod::kOperator)
        fault(table, std::format("fence {} is never tried", fence.name),
              "move it before the one with method \"operator\"");
}

void parse_cluster(const toml::value& root, SystemConfig& config, Faults& faults) {
    const auto& table = required(root, "cluster");
    only_known_keys(table, "cluster", faults);
    faults.within([&] {
        config.cluster = name_of<MemberName>(required(table, "name")).str();
        if (config.cluster.size() > 32)
            fault(table.at("name"), "the cluster's name is too long", "use at most 32 letters");
    });
    faults.within([&] { config.cluster_uuid = name_of<GuestUuid>(required(table, "uuid")).str(); });
}

/// What the times must be to each other.
void check_timing(const toml::value& table, const TimingConfig& timing, Faults& faults) {
    const auto want = [&](bool holds, const char* what, const char* why) {
        faults.within([&] {
            if (!holds) fault(table, what, why);
        });
    };
    const std::chrono::milliseconds scaled_second(std::llround(1000 * timing.scale));
    want(timing.silence >= 4 * timing.beat, "silence_s must be at least four times beat_s",
         "a member that misses one beat is not silent");
    // SAFETY 4: an election must not cost the lease, nor must the one that follows it.
    want(timing.lease >= timing.beat + 2 * timing.engine_election + scaled_second,
         "lease_s must be at least beat_s + 2 * engine_election_s + 1",
         "an election would end the lease of a healthy member");
    want(timing.watchdog >= 4 * timing.beat, "watchdog_s must be at least four times beat_s", "it is fed once a beat");
    want(timing.fence >= 3 * timing.beat && timing.fence <= timing.silence,
         "fence_s must be at least three times beat_s, and no more than silence_s",
         "a member that misses one beat is not to be fenced");
    want(timing.engine_election >= 5 * timing.engine_heartbeat,
         "engine_election_s must be at least five times engine_heartbeat_s", "etcd refuses to start otherwise");
}

TimingConfig parse_timing(const toml::value& root, Faults& faults) {
    const auto& table = table_or_none(root, "timing");
    const auto before = faults.count();
    only_known_keys(table, "timing", faults);
    TimingConfig timing;
    faults.within([&] { timing.scale = table.contains("scale") ? number(table.at("scale"), 0.1, 20) : 1.0; });
    const auto read = [&](std::chrono::milliseconds& time, const char* key, double scale) {
        faults.within([&] { time = seconds_or(table, key, time, scale); });
    };
    read(timing.beat, "beat_s", timing.scale);
    read(timing.silence, "silence_s", timing.scale);
    read(timing.fence, "fence_s", timing.scale);
    read(timing.boot, "boot_s", 1.0);
    read(timing.hook, "hook_s", timing.scale);
    read(timing.right_lifetime, "right_lifetime_s", timing.scale);
    read(timing.lease, "lease_s", timing.scale);
    read(timing.watchdog, "watchdog_s", timing.scale);
    read(timing.engine_heartbeat, "engine_heartbeat_s", timing.scale);
    read(timing.engine_election, "engine_election_s", timing.scale);
    if (faults.count() == before) check_timing(table, timing, faults);
    return timing;
}

void parse_link(const toml::value& root, SystemConfig& config, Faults& faults) {
    const auto& table = table_or_none(root, "link");
    only_known_keys(table, "link", faults);
    faults.within([&] {
        if (table.contains("memory_mib")) config.link.memory_mib = whole_number(table.at("memory_mib"), 4, 4096);
    });
    faults.within(
        [&] { config.link.timeout = seconds_or(table, "timeout_s", config.link.timeout, config.timing.scale); });
}

void parse_pdr(const toml::value& root, SystemConfig& config, Faults& faults) {
    if (!root.contains("pdr")) return;
    const auto& table = table_or_none(root, "pdr");
    only_known_keys(table, "pdr", faults);
    config.pdr.device = absolute_path(required(table, "device"), "begin it with /");
    config.pdr.witness = truth_or(table, "witness", config.pdr.witness);
}

void parse_tls(const toml::value& root, SystemConfig& config, Faults& faults) {
    const auto& table = table_or_none(root, "tls");
    only_known_keys(table, "tls", faults);
    config.pki = text_or(table, "directory", config.pki);
}

}  // namespace

void must_be_member(const toml::value& where, const std::string& name, const SystemConfig& config) {
    const auto is_unclear = [](const MemberConfig& member) { return member.name.empty(); };
    if (config.members.empty() || std::ranges::any_of(config.members, is_unclear)) return;
    const auto member = MemberName::parse(name);
    if (!member || config.find(*member) == nullptr)
        fault(where, std::format("there is no member {}", name), "define it with [[member]]");
}

void parse_settings(const toml::value& root, SystemConfig& config, Faults& faults) {
    faults.within([&] { parse_cluster(root, config, faults); });
    faults.within([&] { config.timing = parse_timing(root, faults); });
    faults.within([&] { parse_link(root, config, faults); });
    faults.within([&] { parse_pdr(root, config, faults); });
    faults.within([&] { parse_tls(root, config, faults); });
}

void parse_members(const toml::value& root, SystemConfig& config, Faults& faults) {
    Taken taken;
    for_each_table(root, "member", faults, [&](const toml::value& table) {
        auto member = parse_member(table, faults);
        taken.take(table, member, faults);
        config.members.push_back(std::move(member));
    });
    faults.within([&] {
        if (!root.contains("member") || array_of(root, "member").empty())
            fault(root, "no member is defined", "add a [[member]] for each host");
    });
    std::ranges::stable_sort(config.members, {}, &MemberConfig::slot);
}

void parse_fences(const toml::value& root, SystemConfig& config, Faults& faults) {
    for_each_table(root, "fence", faults, [&](const toml::value& table) {
        auto fence = parse_fence(table, config, faults);
        faults.within([&] { must_have_its_place(table, fence, config); });
        config.fences.push_back(std::move(fence));
    });
}

}  // namespace ssi::config
