#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <format>
#include <utility>

#include "lib/common/config/sections.hpp"

namespace ssi::config {
namespace {

using Ends = std::array<ChannelEnd, 2>;  // in the order of the file

bool is_numeric_address(const std::string& address) {
    std::array<unsigned char, sizeof(in6_addr)> buffer{};
    return inet_pton(AF_INET, address.c_str(), buffer.data()) == 1 ||
           inet_pton(AF_INET6, address.c_str(), buffer.data()) == 1;
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

void must_be_free(const toml::value& pair, const toml::value& address, const ChannelEnd& end,
                  const SystemConfig& config) {
    for (const auto& other : config.channels) {
        if (other.driver != ChannelDriver::kCtc || !other.joins(end.member)) continue;
        const auto& taken = other.end_at(end.member);
        for (const auto& id : {taken.devices.read, taken.devices.write})
            if (id == end.devices.read || id == end.devices.write)
                fault(pair, std::format("{} has subchannel {} in two channels", end.member.str(), id),
                      "give each channel two of its own");
        if (taken.address == end.address)
            fault(address, std::format("{} is used by two ctc channels", taken.address),
                  "give each end of each an address of its own");
    }
}

/// The keys of driver = "ctc".
void parse_ctc(const toml::value& table, const SystemConfig& config, Ends& ends, CtcSettings& settings) {
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
        must_be_free(pair, address, ends[i], config);
    }
    if (ends[0].address == ends[1].address)
        fault(table.at("addresses"), "both ends have the same address", "give each end an address of its own");
}

void parse_driver(const toml::value& table, const SystemConfig& config, Ends& ends, ChannelConfig& channel) {
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

void parse_ends(const toml::value& table, const SystemConfig& config, Ends& ends, Faults& faults) {
    faults.within([&] {
        const auto& members = pair_of(table, "members");
        for (std::size_t i = 0; i < ends.size(); ++i) {
            ends[i].member = name_of<MemberName>(members[i]);
            must_be_member(members[i], ends[i].member.str(), config);
        }
        if (ends[0].member == ends[1].member)
            fault(table.at("members"), "a channel joins two different members", "name the other one");
    });
    faults.within([&] {
        const auto& addresses = pair_of(table, "addresses");
        for (std::size_t i = 0; i < ends.size(); ++i) {
            ends[i].address = text(addresses[i]);
            if (!is_numeric_address(ends[i].address))
                fault(addresses[i], "this is no IP address", "write it in numbers, without a port");
        }
    });
    faults.within([&] {
        if (!table.contains("interfaces")) return;
        for (std::size_t i = 0; i < ends.size(); ++i) ends[i].interface = text(pair_of(table, "interfaces")[i]);
    });
}

void must_be_unique(const toml::value& table, const ChannelConfig& channel, const SystemConfig& config) {
    for (const auto& other : config.channels) {
        if (other.lower.member == channel.lower.member && other.higher.member == channel.higher.member &&
            other.name == channel.name)
            fault(table, std::format("channel '{}' between these members is defined twice", channel.name),
                  "give it another name");
        if (other.higher.address == channel.higher.address && other.port == channel.port)
            fault(table, std::format("{} port {} is used by two channels", channel.higher.address, channel.port),
                  "use another address or port");
    }
}

void parse_channel(const toml::value& table, SystemConfig& config, Faults& faults) {
    only_known_keys(table, "channel", faults);
    ChannelConfig channel;
    faults.within([&] {
        if (table.contains("port")) channel.port = static_cast<std::uint16_t>(number(table.at("port"), 1, 65535));
    });
    faults.within([&] {
        if (table.contains("encryption")) channel.encryption = parse_encryption(table.at("encryption"));
    });
    const auto before = faults.count();
    Ends ends;
    parse_ends(table, config, ends, faults);
    if (faults.count() == before) faults.within([&] { parse_driver(table, config, ends, channel); });
    const auto* one = config.find(ends[0].member);
    const auto* other = config.find(ends[1].member);
    if (faults.count() != before || one == nullptr || other == nullptr) return;
    if (one->slot > other->slot) std::swap(ends[0], ends[1]);
    channel.lower = ends[0];
    channel.higher = ends[1];
    channel.name =
        text_or(table, "name", std::to_string(config.channels_between(ends[0].member, ends[1].member).size()));
    must_be_unique(table, channel, config);
    config.channels.push_back(std::move(channel));
}

}  // namespace

void parse_channels(const toml::value& root, SystemConfig& config, Faults& faults) {
    for_each_table(root, "channel", faults, [&](const toml::value& table) { parse_channel(table, config, faults); });
}

}  // namespace ssi::config
