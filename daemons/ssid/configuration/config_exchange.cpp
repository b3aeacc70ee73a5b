#include "daemons/ssid/configuration/config_exchange.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <chrono>
#include <format>
#include <span>
#include <utility>

#include "daemons/ssid/state/config_rules.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

using boost::asio::awaitable;
using boost::json::array;

constexpr std::chrono::seconds kPatience(10);

array needs_document(std::span<const RestartKey> keys) {
    array list;
    for (const auto& key : keys) list.push_back(json::Object{{"key", key.path}, {"daemons", key.daemons}});
    return list;
}

/// Whose refusal it is stands before what it says.
std::unexpected<Error> at_member(const MemberName& member, Error error) {
    if (!error.what.contains(member.str())) error.what = std::format("{}: {}", member.str(), error.what);
    return std::unexpected(std::move(error));
}

}  // namespace

std::vector<MemberName> ConfigExchange::others_joined() const {
    std::vector<MemberName> members;
    for (const auto& [name, record] : view_.state().members())
        if (name != configuration_.own() && record.value.state == MemberState::kJoined) members.push_back(name);
    return members;
}

ConfigExchange::Answer ConfigExchange::ask(MemberName member, std::string request, json::Object content) {
    if (member == configuration_.own()) co_return co_await answer_here(std::move(request), std::move(content));
    auto answer = co_await peers_.ask(member, std::move(request), std::move(content), kPatience);
    if (!answer) co_return at_member(member, std::move(answer.error()));
    co_return answer;
}

awaitable<void> ConfigExchange::tell(std::vector<MemberName> members, std::string request, json::Object content) {
    for (const auto& member : members) {
        const auto told = co_await ask(member, request, content);
        if (!told) log::warning(std::format("{} at {}", request, member.str()), told.error());
    }
}

awaitable<Result<std::vector<json::Object>>> ConfigExchange::check_everywhere(std::vector<MemberName> members,
                                                                              const std::string& text) {
    std::vector<json::Object> answers;
    const json::Object content{{"text", text}};
    for (const auto& member : members) {
        auto checked = co_await ask(member, "config-check", content);
        if (!checked) {
            co_await tell(members, "config-drop", json::Object());
            co_return std::unexpected(std::move(checked.error()));
        }
        answers.push_back(json::Object{{"member", member.str()}, {"needs", (*checked)["needs"]}});
    }
    co_return answers;
}

awaitable<Result<void>> ConfigExchange::install_everywhere(std::vector<MemberName> members, std::string digest) {
    const json::Object content{{"digest", digest}};
    for (const auto& member : members) {
        const auto installed = co_await ask(member, "config-install", content);
        if (installed) continue;
        co_await tell(members, "config-restore", content);
        co_return std::unexpected(installed.error());
    }
    co_return Result<void>{};
}

ConfigExchange::Answer ConfigExchange::push(bool force) {
    auto content = configuration_.file().read();
    if (!content) co_return std::unexpected(std::move(content.error()));
    co_return co_await push_text(std::move(content->text), force);
}

ConfigExchange::Answer ConfigExchange::push_text(std::string text, bool force) {
    if (std::exchange(is_pushing_, true))
        co_return failure(ErrorCode::kConflict, "a system.toml is being sent to all members already", "",
                          "wait for it");
    struct Done {
        bool& flag;
        ~Done() { flag = false; }
    } const done{is_pushing_};
    const auto document = configuration_.file().parse(text);
    if (!document) co_return std::unexpected(document.error());
    const auto shared = shared_config(document->entries);
    // Asked first for its clear words; nothing has happened yet.
    if (auto allowed = decide_config(view_.state(), configuration_.own(), shared, force); !allowed)
        co_return std::unexpected(allowed.error());
    auto members = others_joined();
    members.push_back(configuration_.own());
    const auto digest = sha256_text(text);
    auto checked = co_await check_everywhere(members, text);
    if (!checked) co_return std::unexpected(std::move(checked.error()));
    if (auto installed = co_await install_everywhere(members, digest); !installed)
        co_return std::unexpected(std::move(installed.error()));
    // Last: until every file says it, what all have in their files and run with is the cluster's
    // (decide_config_agreed).
    auto committed = co_await view_.commit(
        [&](const ClusterState& state) { return decide_config(state, configuration_.own(), shared, force); });
    if (!committed) {
        const json::Object content{{"digest", digest}};
        co_await tell(members, "config-restore", content);
        co_return std::unexpected(std::move(committed.error()));
    }
    array sent;
    for (auto& answer : *checked) sent.push_back(std::move(answer));
    array missed;
    for (const auto& member : document->config.members)
        if (!std::ranges::contains(members, member.name)) missed.emplace_back(member.name.str());
    const auto* record = view_.state().config();
    log::notice(std::format("system.toml was put in place on {} members", members.size()));
    co_return json::Object{{"v", 1},
                           {"generation", record == nullptr ? 0 : record->generation},
                           {"hash", shared.hash},
                           {"members", std::move(sent)},
                           {"missed", std::move(missed)}};
}

ConfigExchange::Answer ConfigExchange::pull(std::string member) {
    const auto joined = others_joined();
    auto from = member.empty() && !joined.empty() ? joined.front() : MemberName();
    if (!member.empty()) {
        const auto named = MemberName::parse(member);
        if (!named) co_return std::unexpected(named.error());
        from = *named;
    }
    if (from.empty() || from == configuration_.own())
        co_return failure(ErrorCode::kMemberNotJoined, "no other member is Joined to take the file from", member,
                          "ssictl query ssi shows the members that are");
    auto answer = co_await ask(from, "config-file", json::Object());
    if (!answer) co_return std::unexpected(std::move(answer.error()));
    const auto text = json::text(*answer, "text");
    if (!text) co_return std::unexpected(text.error());
    auto document = configuration_.file().parse(*text);
    if (!document) co_return std::unexpected(std::move(document.error()));
    const auto* record = view_.state().config();
    const auto shared = shared_config(document->entries);
    if (record != nullptr && record->hash != shared.hash)
        co_return failure(ErrorCode::kConfigDiffers,
                          std::format("the file of {} is not the cluster's either: {}", from.str(),
                                      describe(compare_shared(shared.text, record->text), "there", "in the cluster")),
                          from.str(), "ssictl config pull from another member");
    auto checked = co_await check_here(*text);
    if (!checked) co_return std::unexpected(std::move(checked.error()));
    if (auto installed = co_await install_here(sha256_text(*text)); !installed) co_return installed;
    json::Object pulled{{"v", 1},
                        {"member", configuration_.own().str()},
                        {"from", from.str()},
                        {"hash", shared.hash},
                        {"needs", (*checked)["needs"]},
                        {"reloaded", false}};
    if (!membership_.life() && pulled["needs"].as_array().empty()) {
        auto reloaded = co_await reload_here();
        if (!reloaded) co_return reloaded;
        pulled["reloaded"] = true;
    }
    co_return pulled;
}

ConfigExchange::Answer ConfigExchange::reload(bool everywhere) {
    auto own = co_await reload_here();
    if (!own) co_return own;
    array members{std::move(*own)};
    if (everywhere)
        for (const auto& member : others_joined()) {
            auto reloaded = co_await ask(member, "config-reload", json::Object());
            members.push_back(
                reloaded ? *std::move(reloaded)
                         : json::Object{{"member", member.str()}, {"error", json::from_error(reloaded.error())}});
        }
    co_return json::Object{{"v", 1}, {"members", std::move(members)}};
}

ConfigExchange::Answer ConfigExchange::diff(std::string member) {
    const auto content = configuration_.file().read();
    if (!content) co_return std::unexpected(content.error());
    const auto& entries = content->document.entries;
    const auto own = shared_config(entries);
    array comparisons;
    const auto compare = [&](std::string_view with, std::string_view other) {
        array differences;
        for (const auto& [path, here, there] : compare_shared(own.text, other)) {
            json::Object difference{{"key", path}, {"file", nullptr}, {"other", nullptr}, {"line", nullptr}};
            if (here) difference["file"] = *here;
            if (there) difference["other"] = *there;
            for (const auto& entry : entries)
                if (entry.is_set && entry.path() == path) difference["line"] = entry.line;
            differences.push_back(std::move(difference));
        }
        comparisons.push_back(json::Object{{"with", with}, {"differences", std::move(differences)}});
    };
    compare("running", configuration_.shared().text);
    if (const auto* record = view_.state().config(); record != nullptr) compare("cluster", record->text);
    if (!member.empty()) {
        const auto name = MemberName::parse(member);
        if (!name) co_return std::unexpected(name.error());
        auto answer = co_await ask(*name, "config-file", json::Object());
        if (!answer) co_return std::unexpected(std::move(answer.error()));
        const auto text = json::text(*answer, "text");
        if (!text) co_return std::unexpected(text.error());
        const auto theirs = parse_config_document(*text, "system.toml of " + member);
        if (!theirs) co_return std::unexpected(theirs.error());
        compare(member, shared_config(theirs->entries).text);
    }
    co_return json::Object{{"v", 1},
                           {"member", configuration_.own().str()},
                           {"file", configuration_.file().path().string()},
                           {"comparisons", std::move(comparisons)}};
}

void ConfigExchange::serve(RequestServer& server) {
    for (const auto* name :
         {"config-check", "config-install", "config-restore", "config-drop", "config-reload", "config-file"})
        server.on(name, [this](PeerRequest request) {
            return answer_here(std::move(request.name), std::move(request.content));
        });
}

ConfigExchange::Answer ConfigExchange::answer_here(std::string request, json::Object content) {
    if (request == "config-reload") co_return co_await reload_here();
    if (request == "config-file") co_return co_await file_here();
    if (request == "config-drop") co_return co_await drop_here();
    if (request == "config-check") {
        const auto text = json::text(content, "text");
        if (!text) co_return std::unexpected(text.error());
        co_return co_await check_here(*text);
    }
    const auto digest = json::text(content, "digest");
    if (!digest) co_return std::unexpected(digest.error());
    if (request == "config-install") co_return co_await install_here(*digest);
    co_return co_await restore_here(*digest);
}

ConfigExchange::Answer ConfigExchange::check_here(const std::string& text) {
    const auto fresh = configuration_.file().parse(text);
    if (!fresh) co_return std::unexpected(fresh.error());
    if (auto fit = configuration_.fits(*fresh); !fit) co_return std::unexpected(fit.error());
    if (auto staged = configuration_.file().stage(text); !staged) co_return std::unexpected(staged.error());
    const auto needs = keys_wanting_restart(configuration_.entries(), fresh->entries, configuration_.own());
    co_return json::Object{{"v", 1}, {"needs", needs_document(needs)}};
}

/// The cluster is told before this answers: who pushes relies on it (decide_config_agreed).
ConfigExchange::Answer ConfigExchange::install_here(std::string digest) {
    if (configuration_.file().is(digest)) {
        configuration_.file().drop();
    } else {
        if (auto installed = configuration_.file().install(digest); !installed)
            co_return std::unexpected(installed.error());
        installed_ = digest;
    }
    report_.file_changed();
    if (auto reported = co_await report_.report(); !reported) co_return std::unexpected(reported.error());
    log::notice(std::format("another system.toml was put in place of {}", configuration_.file().path().string()));
    co_return json::Object{{"v", 1}};
}

ConfigExchange::Answer ConfigExchange::restore_here(std::string digest) {
    configuration_.file().drop();
    // Only what came by this push: the same text may have been the file before it.
    if (std::exchange(installed_, "") != digest) co_return json::Object{{"v", 1}};
    if (auto restored = configuration_.file().restore(digest); !restored) co_return std::unexpected(restored.error());
    report_.file_changed();
    co_return json::Object{{"v", 1}};
}

ConfigExchange::Answer ConfigExchange::drop_here() {
    configuration_.file().drop();
    co_return json::Object{{"v", 1}};
}

ConfigExchange::Answer ConfigExchange::file_here() {
    const auto content = configuration_.file().read();
    if (!content) co_return std::unexpected(content.error());
    co_return json::Object{{"v", 1}, {"text", content->text}};
}

ConfigExchange::Answer ConfigExchange::reload_here() {
    auto content = configuration_.file().read();
    if (!content) co_return std::unexpected(content.error());
    if (auto allowed = configuration_.may_reload(content->document); !allowed)
        co_return std::unexpected(allowed.error());
    const auto links = co_await reload_links();
    if (!links) co_return std::unexpected(links.error());
    array keys;
    for (const auto& path : changed_keys(configuration_.entries(), content->document.entries)) keys.emplace_back(path);
    configuration_.take_over(std::move(content->document));
    on_reloaded(content->text);
    report_.file_changed();
    log::notice(std::format("system.toml was read again: {} keys have changed", keys.size()));
    const auto* changes = links->if_contains("changes");
    co_return json::Object{{"v", 1},
                           {"member", configuration_.own().str()},
                           {"keys", std::move(keys)},
                           {"links", changes == nullptr ? boost::json::value(array()) : *changes}};
}

}  // namespace ssi::cluster
