#include "lib/common/system_config.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <format>
#include <iterator>
#include <utility>

#include "lib/common/config/document.hpp"

namespace ssi {

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
        case FenceMethod::kReservations:
            return "reservations";
        case FenceMethod::kAgent:
            break;
    }
    return "agent";
}

Result<SystemConfig> parse_system_config(std::string_view text, const std::string& file) {
    return parse_config_document(text, file).transform([](ConfigDocument document) {
        return std::move(document.config);
    });
}

Result<SystemConfig> load_system_config(const std::filesystem::path& file) {
    return load_config_document(file).transform([](ConfigDocument document) { return std::move(document.config); });
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
