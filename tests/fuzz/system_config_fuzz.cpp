// system.toml: what is accepted keeps what the types promise, and every refusal says where.

#include <algorithm>
#include <string>

#include "daemons/isfcd/wire/messages.hpp"
#include "lib/common/plain_text.hpp"
#include "lib/common/system_config.hpp"
#include "tests/fuzz/require.hpp"

namespace {

using namespace ssi;
using fuzz::require;

const std::string kFile = "system.toml";

/// system.toml:LINE:COLUMN: ...
void check_refusal(const Error& error) {
    require(error.code == ErrorCode::kConfigInvalid && error.object == kFile && !error.remedy.empty());
    require(error.what.starts_with(kFile + ":"));
    const auto line = error.what.find_first_not_of("0123456789", kFile.size() + 1);
    require(line != std::string::npos && line > kFile.size() + 1 && error.what[line] == ':');
    const auto column = error.what.find_first_not_of("0123456789", line + 1);
    require(column != std::string::npos && column > line + 1 && error.what.substr(column, 2) == ": ");
}

void check_channel(const SystemConfig& config, const ChannelConfig& channel) {
    const auto* lower = config.find(channel.lower.member);
    const auto* higher = config.find(channel.higher.member);
    require(lower != nullptr && higher != nullptr && lower->slot < higher->slot && channel.port != 0);
    require(is_plain_text(channel.lower.address) && is_plain_text(channel.higher.address));
    require(is_plain_text(channel.lower.interface) && is_plain_text(channel.higher.interface));
    isfc::Hello hello{0, 1, config.cluster_uuid, lower->name.str(), higher->name.str(), channel.name, "0.1.0"};
    const auto heard = isfc::parse_hello(isfc::encode(hello));
    require(heard && *heard == hello);  // the peer finds the channel by its name
    require(channel.ctc.mtu <= channel.ctc.buffer - 8);
}

void check(const SystemConfig& config) {
    require(!config.members.empty() && config.members.size() <= 32 && config.voters().size() % 2 == 1);
    require(std::ranges::is_sorted(config.members, {}, &MemberConfig::slot));
    for (const auto& member : config.members) {
        require(*config.find(member.name) == member && is_plain_text(member.host));
        require(*own_member(config, member.name.str()) == member.name);
        require(*own_member(config, "", member.host) == member.name);
    }
    for (const auto& channel : config.channels) check_channel(config, channel);
    for (const auto& fence : config.fences) require(is_plain_text(fence.agent.native()) && fence.agent.is_absolute());
    require(is_plain_text(config.pki.native()) && is_plain_text(config.pdr.device.native()));
    require(config.timing.silence >= 4 * config.timing.beat && config.timing.beat.count() > 0);
    require(config.link.timeout.count() > 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto config = parse_system_config({reinterpret_cast<const char*>(data), size}, kFile);
    if (config)
        check(*config);
    else
        check_refusal(config.error());
    return 0;
}
