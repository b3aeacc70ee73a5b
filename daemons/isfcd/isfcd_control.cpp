// What the administrator asks of isfcd while it runs.
#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <format>
#include <utility>

#include "daemons/isfcd/isfcd.hpp"
#include "daemons/isfcd/metrics.hpp"

namespace ssi::isfc {
namespace asio = boost::asio;
namespace {

constexpr std::size_t kLongestName = 64;

std::string document(boost::json::object fields) {
    fields["v"] = 1;
    return boost::json::serialize(fields);
}

boost::json::object describe_certificate(const pki::CertificateFacts& certificate, std::chrono::sys_seconds now) {
    const auto left = certificate.valid_until - now;
    return {{"member", certificate.member},
            {"valid_until", std::format("{:%FT%TZ}", certificate.valid_until)},
            {"days_left", std::chrono::floor<std::chrono::days>(left).count()},
            {"due", left <= pki::kRenewalTime},
            {"fingerprint", certificate.fingerprint},
            {"key", certificate.key},
            {"authority", certificate.authority}};
}

Result<std::string> numeric_address(const std::string& text) {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(text, error);
    if (!error) return address.to_string();
    return failure(ErrorCode::kUsage, std::format("{} is no IP address", text), text,
                   "write it in numbers, without a port");
}

Result<std::uint16_t> port_number(const std::string& text) {
    std::uint16_t port = ChannelConfig{}.port;
    if (text.empty()) return port;
    const auto* end = text.data() + text.size();
    const auto [parsed, error] = std::from_chars(text.data(), end, port);
    if (error == std::errc() && parsed == end && port != 0) return port;
    return failure(ErrorCode::kUsage, std::format("{} is no port", text), text, "use 1 to 65535");
}

Result<void> check_name(const std::string& name) {
    const bool fits = !name.empty() && name.size() <= kLongestName &&
                      std::ranges::all_of(name, [](char letter) { return letter > ' ' && letter < 0x7F; });
    if (fits) return {};
    return failure(ErrorCode::kUsage, std::format("'{}' is no name of a channel", name), name,
                   std::format("use 1 to {} letters, digits and signs", kLongestName));
}

}  // namespace

// --- looking ---

boost::json::object Isfcd::describe() const {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    boost::json::array links;
    for (const auto& [name, peer] : peers_) links.push_back(peer->query());
    boost::json::array services;
    for (const auto& name : offers_->names()) services.emplace_back(name);
    boost::json::array authorities;
    for (const auto& authority : identity_->files.authorities) {
        auto described = describe_certificate(authority, now);
        described["retiring"] = !authorities.empty();
        authorities.push_back(std::move(described));
    }
    boost::json::object refused;
    for (const auto& [reason, count] : refusals_.counts()) refused[reason] = count;
    return {{"member", settings_.own.name.str()},
            {"cluster", settings_.cluster},
            {"version", SSI_VERSION},
            {"services", std::move(services)},
            {"links", std::move(links)},
            {"certificate", describe_certificate(identity_->files.own, now)},
            {"authorities", std::move(authorities)},
            {"handshakes", boost::json::object{{"accepted", accepted_}, {"refused", std::move(refused)}}}};
}

std::string Isfcd::query() const {
    return document(describe());
}

std::string Isfcd::metrics() const {
    return metrics_of(describe());
}

Result<std::string> Isfcd::streams(const std::string& member) const {
    const auto peer = find_peer(member);
    if (!peer) return std::unexpected(peer.error());
    return document({{"member", member}, {"streams", (*peer)->streams()}});
}

// --- channels ---

Result<std::shared_ptr<PeerLink>> Isfcd::find_peer(const std::string& member) const {
    const auto found = peers_.find(member);
    if (found == peers_.end())
        return failure(ErrorCode::kMemberUnknown, std::format("there is no other member {}", member), member,
                       "see ssictl query ssi");
    return found->second;
}

Result<std::shared_ptr<PeerLink>> Isfcd::find_link(const std::string& member, const std::string& channel) const {
    if (!member.empty()) return find_peer(member);
    std::shared_ptr<PeerLink> found;
    for (const auto& [name, peer] : peers_) {
        if (peer->roster().find(channel) == nullptr) continue;
        if (found)
            return failure(
                ErrorCode::kUsage,
                std::format("there is a channel {} to {} and one to {}", channel, found->peer().name.str(), name),
                channel, "say which one: --peer MEMBER");
        found = peer;
    }
    if (found) return found;
    return failure(ErrorCode::kChannelUnknown, std::format("no link has a channel {}", channel), channel,
                   "see ssictl islink list");
}

namespace {

std::string channel_document(const PeerLink& link, const std::string& channel, bool changed) {
    const auto* entry = link.roster().find(channel);
    return document({{"member", link.peer().name.str()},
                     {"channel", channel},
                     {"state", entry != nullptr ? entry->state() : "removed"},
                     {"changed", changed}});
}

}  // namespace

Result<std::string> Isfcd::activate(const std::string& member, const std::string& channel) {
    const auto link = find_link(member, channel);
    if (!link) return std::unexpected(link.error());
    const auto changed = (*link)->activate(channel);
    if (!changed) return std::unexpected(changed.error());
    return channel_document(**link, channel, *changed);
}

Result<std::string> Isfcd::deactivate(const std::string& member, const std::string& channel, bool force) {
    const auto link = find_link(member, channel);
    if (!link) return std::unexpected(link.error());
    const auto changed = (*link)->deactivate(channel, force);
    if (!changed) return std::unexpected(changed.error());
    update_listening_ends();
    return channel_document(**link, channel, *changed);
}

Result<std::string> Isfcd::add_channel(const std::string& member, const NewChannel& channel) {
    const auto link = find_peer(member);
    if (!link) return std::unexpected(link.error());
    const auto config = parse_channel(**link, channel);
    if (!config) return std::unexpected(config.error());
    auto channels = all_channels();
    channels.push_back(*config);
    if (auto differ = check_listening_ends(channels); !differ) return std::unexpected(differ.error());
    if (auto added = (*link)->add_channel(*config); !added) return std::unexpected(added.error());
    update_listening_ends();
    return channel_document(**link, channel.name, true);
}

Result<ChannelConfig> Isfcd::parse_channel(const PeerLink& link, const NewChannel& channel) const {
    if (auto named = check_name(channel.name); !named) return std::unexpected(named.error());
    const auto own_address = numeric_address(channel.own_address);
    if (!own_address) return std::unexpected(own_address.error());
    const auto peer_address = numeric_address(channel.peer_address);
    if (!peer_address) return std::unexpected(peer_address.error());
    if (own_address->contains(':') != peer_address->contains(':'))
        return failure(ErrorCode::kUsage,
                       std::format("{} and {} are of different families", *own_address, *peer_address), channel.name,
                       "use two IPv4 addresses, or two IPv6 addresses");
    const auto port = port_number(channel.port);
    if (!port) return std::unexpected(port.error());
    const ChannelEnd own{settings_.own.name, *own_address, channel.interface};
    const ChannelEnd peer{link.peer().name, *peer_address, ""};
    asio::ip::tcp::socket probe(executor_);
    if (const auto bound = bind_channel_socket(probe, own); !bound)
        return failure(
            ErrorCode::kChannelFailed,
            std::format("{} cannot use the address {}: {}", own.member.str(), *own_address, bound.error().what),
            *own_address, "see ip address; the peer's address is --peer-address");
    const bool connects = settings_.own.slot < link.peer().slot;
    ChannelConfig config;
    config.name = channel.name;
    config.lower = connects ? own : peer;
    config.higher = connects ? peer : own;
    config.port = *port;
    return config;
}

// --- services ---

Result<void> Isfcd::expect(const std::string& member, const std::string& service) {
    const auto peer = find_peer(member);
    if (!peer) return std::unexpected(peer.error());
    if (const auto name = ServiceName::parse(service); !name) return std::unexpected(name.error());
    (*peer)->expect(service);
    return {};
}

Result<void> Isfcd::forget(const std::string& member, const std::string& service) {
    const auto peer = find_peer(member);
    if (!peer) return std::unexpected(peer.error());
    (*peer)->forget(service);
    return {};
}

}  // namespace ssi::isfc
