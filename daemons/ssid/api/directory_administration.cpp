#include "daemons/ssid/api/directory_administration.hpp"

#include <charconv>
#include <chrono>
#include <format>
#include <optional>
#include <utility>

#include "daemons/ssid/api/documents.hpp"
#include "daemons/ssid/guests/domain_xml.hpp"
#include "daemons/ssid/state/directory_rules.hpp"
#include "daemons/ssid/state/record_keys.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

using boost::asio::awaitable;

Result<std::uint64_t> version_in(const std::string& text) {
    std::uint64_t version = 0;
    const auto* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, version);
    if (read.ec != std::errc() || read.ptr != end)
        return failure(ErrorCode::kUsage, std::format("'{}' is no version", text), text,
                       "a whole number, as ssictl directory history shows them");
    return version;
}

/// None: empty.
Result<std::optional<std::uint64_t>> base_in(const std::string& text) {
    if (text.empty()) return std::optional<std::uint64_t>();
    return version_in(text).transform([](std::uint64_t version) { return std::optional(version); });
}

std::string changed_text(const GuestName& guest, std::uint64_t version, bool changed) {
    return text(json::Object{{"v", 1}, {"guest", guest.str()}, {"version", version}, {"changed", changed}});
}

void tell(const GuestName& guest, const std::string& what) {
    log::notice(std::format("guest {}: {}", guest.str(), what), {{"SSI_GUEST", guest.str()}});
}

}  // namespace

DirectoryAdministration::DirectoryAdministration(MemberName own, ClusterView& view, Engine& engine,
                                                 DefinitionKeeper& definitions)
    : own_(std::move(own)), view_(view), engine_(engine), definitions_(definitions) {}

OperatorWord DirectoryAdministration::word(std::string who, std::string why) const {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    return {own_, std::move(who), std::move(why), now.time_since_epoch().count()};
}

std::uint64_t DirectoryAdministration::present_version(const GuestName& guest) const {
    const auto* entry = view_.state().directory_entry(guest);
    return entry == nullptr ? 0 : entry->version;
}

DirectoryAdministration::Answer DirectoryAdministration::list() {
    co_return text(directory_document(view_.state(), own_, definitions_.not_adopted()));
}

awaitable<Result<std::vector<KeptVersion>>> DirectoryAdministration::read_history_of(GuestName guest) {
    const auto snapshot = co_await engine_.read(history_prefix(guest));
    if (!snapshot) co_return std::unexpected(snapshot.error());
    co_return read_history(*snapshot);
}

awaitable<Result<DirectoryRecord>> DirectoryAdministration::old_version(GuestName guest, std::uint64_t version) {
    const auto history = co_await read_history_of(guest);
    if (!history) co_return std::unexpected(history.error());
    co_return find_version(guest, *history, version);
}

DirectoryAdministration::Answer DirectoryAdministration::get(std::string guest, std::string version) {
    const auto name = GuestName::parse(guest);
    if (!name) co_return std::unexpected(name.error());
    const auto wanted = base_in(version);
    if (!wanted) co_return std::unexpected(wanted.error());
    const auto* entry = view_.state().directory_entry(*name);
    if (!*wanted && entry == nullptr) co_return std::unexpected(not_in_directory(view_.state(), *name));
    // The present one needs no majority.
    if (entry != nullptr && wanted->value_or(entry->version) == entry->version)
        co_return text(definition_document(*name, *entry));
    const auto record = co_await old_version(*name, **wanted);
    if (!record) co_return std::unexpected(record.error());
    co_return text(definition_document(*name, *record));
}

DirectoryAdministration::Answer DirectoryAdministration::put(std::string xml, std::string base, std::string who) {
    const auto guest = guest_named_in(xml);
    if (!guest) co_return std::unexpected(guest.error());
    const auto from = base_in(base);
    if (!from) co_return std::unexpected(from.error());
    const auto before = present_version(*guest);
    const auto version = co_await definitions_.put(std::move(xml), *from, word(who, "put"));
    if (!version) co_return std::unexpected(version.error());
    if (*version != before) tell(*guest, std::format("version {} of the directory was put by {}", *version, who));
    co_return changed_text(*guest, *version, *version != before);
}

DirectoryAdministration::Answer DirectoryAdministration::remove(std::string guest, std::string base, std::string who) {
    const auto name = GuestName::parse(guest);
    if (!name) co_return std::unexpected(name.error());
    const auto from = base_in(base);
    if (!from) co_return std::unexpected(from.error());
    const auto said = word(who, "delete");
    std::uint64_t version = 0;
    const auto committed = co_await view_.commit([&](const ClusterState& state) -> Result<Transaction> {
        const auto* entry = state.directory_entry(*name);
        const auto* deletion = state.deletion(*name);
        // It was this one, and its answer was lost.
        if (entry == nullptr && version != 0 && deletion != nullptr && deletion->change == said) return Transaction{};
        if (entry == nullptr && !*from) return std::unexpected(not_in_directory(state, *name));
        version = entry == nullptr ? 0 : entry->version + 1;
        return decide_undefine(state, *name, from->value_or(entry == nullptr ? 0 : entry->version), said);
    });
    if (!committed) co_return std::unexpected(committed.error());
    tell(*name, std::format("it was deleted from the directory by {}, as version {}", who, version));
    co_return changed_text(*name, version, true);
}

DirectoryAdministration::Answer DirectoryAdministration::history(std::string guest) {
    const auto name = GuestName::parse(guest);
    if (!name) co_return std::unexpected(name.error());
    const auto history = co_await read_history_of(*name);
    if (!history) co_return std::unexpected(history.error());
    if (history->empty()) co_return std::unexpected(not_in_directory(view_.state(), *name));
    co_return text(history_document(*name, *history));
}

DirectoryAdministration::Answer DirectoryAdministration::rollback(std::string guest, std::string version,
                                                                  std::string who) {
    const auto name = GuestName::parse(guest);
    if (!name) co_return std::unexpected(name.error());
    const auto wanted = version_in(version);
    if (!wanted) co_return std::unexpected(wanted.error());
    // What others change from here on is not overwritten.
    const auto before = present_version(*name);
    auto record = co_await old_version(*name, *wanted);
    if (!record) co_return std::unexpected(record.error());
    const auto next =
        co_await definitions_.put(std::move(record->xml), before, word(who, std::format("rollback to {}", *wanted)));
    if (!next) co_return std::unexpected(next.error());
    if (*next != before)
        tell(*name, std::format("{} rolled it back to version {}, which is version {} now", who, *wanted, *next));
    co_return changed_text(*name, *next, *next != before);
}

DirectoryAdministration::Answer DirectoryAdministration::adopt(std::string guest, std::string who) {
    const auto name = GuestName::parse(guest);
    if (!name) co_return std::unexpected(name.error());
    const auto before = present_version(*name);
    const auto version = co_await definitions_.adopt(*name, word(who, "adopt"));
    if (!version) co_return std::unexpected(version.error());
    if (*version != before) tell(*name, std::format("{} took it into the directory, as version {}", who, *version));
    co_return changed_text(*name, *version, *version != before);
}

DirectoryAdministration::Answer DirectoryAdministration::conflicts() {
    const auto edits = definitions_.kept_edits();
    if (!edits) co_return std::unexpected(edits.error());
    co_return text(conflicts_document(own_, *edits));
}

}  // namespace ssi::cluster
