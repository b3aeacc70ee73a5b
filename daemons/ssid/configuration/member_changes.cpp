#include "daemons/ssid/configuration/member_changes.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <format>
#include <sstream>
#include <utility>

#include "daemons/ssid/state/config_rules.hpp"
#include "lib/common/config/edit.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

constexpr std::chrono::seconds kRebootPatience(20);
constexpr int kSlots = 32;

Result<MemberSlot> slot_from(const std::string& text, const SystemConfig& config) {
    if (text.empty()) {
        for (int number = 1; number <= kSlots; ++number)
            if (!std::ranges::contains(config.members, number,
                                       [](const MemberConfig& one) { return one.slot.number(); }))
                return MemberSlot::from(number);
        return failure(ErrorCode::kUsage, "all 32 slots are taken", "", "remove a member that is gone for good");
    }
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size())
        return failure(ErrorCode::kUsage, std::format("'{}' is no slot", text), text, "use 1 to 32");
    return MemberSlot::from(number);
}

Result<std::vector<NewChannel>> channels_from(const std::string& text) {
    std::vector<NewChannel> channels;
    std::istringstream words(text);
    for (std::string word; words >> word;) {
        const auto first = word.find(',');
        const auto second = first == std::string::npos ? first : word.find(',', first + 1);
        if (second == std::string::npos)
            return failure(ErrorCode::kUsage, std::format("'{}' is no channel", word), word,
                           "write PEER,PEER_ADDRESS,OWN_ADDRESS");
        auto peer = MemberName::parse(word.substr(0, first));
        if (!peer) return std::unexpected(peer.error());
        channels.push_back({*std::move(peer), word.substr(second + 1), word.substr(first + 1, second - first - 1)});
    }
    return channels;
}

/// It goes into a text in quotes.
Result<void> check_host(const std::string& host) {
    const bool fits = std::ranges::all_of(host, [](unsigned char letter) {
        return std::isalnum(letter) != 0 || letter == '-' || letter == '.' || letter == '_';
    });
    if (fits && host.size() <= 253) return {};
    return failure(ErrorCode::kUsage, std::format("'{}' is no host name", host), host, "use what hostname says there");
}

}  // namespace

MemberChanges::Answer MemberChanges::put_in_place(std::string text, std::string member, std::string change) {
    auto pushed = co_await exchange_.push_text(std::move(text), false);
    if (!pushed) co_return pushed;
    log::notice(std::format("member {}: {}", member, change), {{"SSI_MEMBER", member}});
    auto reloaded = co_await exchange_.reload(true);
    if (!reloaded) co_return reloaded;
    co_return json::Object{{"v", 1},
                           {"member", member},
                           {"change", change},
                           {"generation", (*pushed)["generation"]},
                           {"members", (*reloaded)["members"]}};
}

MemberChanges::Answer MemberChanges::add(std::string name, std::string slot, std::string host, std::string channels) {
    const auto content = configuration_.file().read();
    if (!content) co_return std::unexpected(content.error());
    const auto parsed = MemberName::parse(name);
    if (!parsed) co_return std::unexpected(parsed.error());
    const auto place = slot_from(slot, content->document.config);
    if (!place) co_return std::unexpected(place.error());
    auto links = channels_from(channels);
    if (!links) co_return std::unexpected(links.error());
    if (auto fits = check_host(host); !fits) co_return std::unexpected(fits.error());
    const NewMember member{*parsed, *place, std::move(host), *std::move(links)};
    auto text = add_member(content->text, configuration_.file().path().string(), member);
    if (!text) co_return std::unexpected(text.error());
    co_return co_await put_in_place(*std::move(text), name, std::format("added in slot {}", place->number()));
}

MemberChanges::Answer MemberChanges::remove(std::string name) {
    const auto content = configuration_.file().read();
    if (!content) co_return std::unexpected(content.error());
    const auto member = MemberName::parse(name);
    if (!member) co_return std::unexpected(member.error());
    if (auto allowed = may_change_member(view_.state(), *member); !allowed) co_return std::unexpected(allowed.error());
    auto text = remove_member(content->text, configuration_.file().path().string(), *member);
    if (!text) co_return std::unexpected(text.error());
    co_return co_await put_in_place(*std::move(text), name, "removed");
}

MemberChanges::Answer MemberChanges::rename(std::string name, std::string to) {
    const auto content = configuration_.file().read();
    if (!content) co_return std::unexpected(content.error());
    const auto member = MemberName::parse(name);
    if (!member) co_return std::unexpected(member.error());
    const auto other = MemberName::parse(to);
    if (!other) co_return std::unexpected(other.error());
    for (const auto& one : std::array{*member, *other})
        if (auto allowed = may_change_member(view_.state(), one); !allowed) co_return std::unexpected(allowed.error());
    auto text = rename_member(content->text, configuration_.file().path().string(), *member, *other);
    if (!text) co_return std::unexpected(text.error());
    co_return co_await put_in_place(*std::move(text), to, std::format("renamed, was {}", name));
}

MemberChanges::Answer MemberChanges::replace(std::string name, std::string host) {
    const auto content = configuration_.file().read();
    if (!content) co_return std::unexpected(content.error());
    const auto member = MemberName::parse(name);
    if (!member) co_return std::unexpected(member.error());
    if (auto allowed = may_change_member(view_.state(), *member); !allowed) co_return std::unexpected(allowed.error());
    if (host.empty()) host = name;
    if (auto fits = check_host(host); !fits) co_return std::unexpected(fits.error());
    auto text = replace_host(content->text, configuration_.file().path().string(), *member, host);
    if (!text) co_return std::unexpected(text.error());
    co_return co_await put_in_place(*std::move(text), name, std::format("is the host {} from now on", host));
}

MemberChanges::Answer MemberChanges::reboot(std::string name, bool force) {
    const auto member = MemberName::parse(name);
    if (!member) co_return std::unexpected(member.error());
    if (configuration_.config().find(*member) == nullptr)
        co_return failure(ErrorCode::kMemberUnknown, std::format("there is no member {}", name), name,
                          "ssictl query ssi lists the members");
    if (*member == configuration_.own()) co_return co_await reboot_here(force);
    const json::Object content{{"force", force}};
    co_return co_await peers_.ask(*member, "member-reboot", content, kRebootPatience);
}

MemberChanges::Answer MemberChanges::reboot_here(bool force) {
    const auto& own = configuration_.own();
    if (auto allowed = may_reboot(view_.state(), own); !allowed && !force) co_return std::unexpected(allowed.error());
    log::notice(std::format("{} is booted again by an administrator{}", own.str(), force ? ", whatever runs here" : ""),
                {{"SSI_MEMBER", own.str()}});
    if (auto rebooting = co_await reboot_host(); !rebooting) co_return std::unexpected(rebooting.error());
    co_return json::Object{{"v", 1}, {"member", own.str()}, {"change", "is being booted again"}};
}

void MemberChanges::serve(RequestServer& server) {
    server.on("member-reboot",
              [this](PeerRequest request) { return reboot_here(json::boolean_or(request.content, "force", false)); });
}

}  // namespace ssi::cluster
