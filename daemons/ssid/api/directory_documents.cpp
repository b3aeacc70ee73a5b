#include "daemons/ssid/api/directory_documents.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <cstdlib>
#include <format>
#include <map>
#include <ranges>
#include <utility>

#include "daemons/ssid/api/documents.hpp"

namespace ssi::cluster {
namespace {

using boost::json::array;
using boost::json::value;

Result<KeptVersion> read_version(const KeyValue& entry) {
    if (auto record = decode<DirectoryRecord>(entry.value))
        return KeptVersion{record->version, record->change, std::move(*record)};
    const auto deletion = decode<DeletedRecord>(entry.value);
    if (!deletion)
        return failure(deletion.error().code, std::format("{}: {}", entry.key, deletion.error().what), entry.key);
    return KeptVersion{deletion->version, deletion->change, std::nullopt};
}

/// null while it runs nowhere.
value running_member(const ClusterState& state, const GuestName& guest) {
    const auto* residency = state.residency(guest);
    if (residency == nullptr || residency->phase == Phase::kPending) return nullptr;
    return value(residency->home.member.str());
}

json::Object version_entry(const KeptVersion& version, const DirectoryRecord* before) {
    json::Object entry{{"version", version.version},
                       {"change", word_entry(&version.change)},
                       {"deleted", !version.definition},
                       {"lines_added", nullptr},
                       {"lines_removed", nullptr}};
    if (!version.definition || before == nullptr) return entry;
    const auto lines = compare_lines(before->xml, version.definition->xml);
    entry["lines_added"] = lines.added;
    entry["lines_removed"] = lines.removed;
    return entry;
}

}  // namespace

Result<std::vector<KeptVersion>> read_history(const Snapshot& snapshot) {
    std::vector<KeptVersion> history;
    for (const auto& entry : snapshot.entries) {
        auto version = read_version(entry);
        if (!version) return std::unexpected(version.error());
        history.push_back(*std::move(version));
    }
    std::ranges::sort(history, {}, &KeptVersion::version);
    return history;
}

Result<DirectoryRecord> find_version(const GuestName& guest, const std::vector<KeptVersion>& history,
                                     std::uint64_t version) {
    if (history.empty())
        return failure(ErrorCode::kGuestUnknown, std::format("the directory never had a guest {}", guest.str()),
                       guest.str(), "ssictl directory list shows what it has");
    const auto found = std::ranges::find(history, version, &KeptVersion::version);
    const auto remedy = std::format("ssictl directory history {} shows what there is", guest.str());
    if (found == history.end())
        return failure(ErrorCode::kGuestUnknown,
                       std::format("guest {} has no version {}; versions {} to {} are kept", guest.str(), version,
                                   history.front().version, history.back().version),
                       guest.str(), remedy);
    if (!found->definition)
        return failure(ErrorCode::kGuestUnknown,
                       std::format("version {} of guest {} is its deletion by {} at {}", version, guest.str(),
                                   found->change.who, found->change.at.str()),
                       guest.str(), remedy);
    return *found->definition;
}

LineChange compare_lines(std::string_view before, std::string_view after) {
    std::map<std::string_view, std::int64_t> surplus;
    for (const auto line : std::views::split(after, '\n')) ++surplus[std::string_view(line)];
    for (const auto line : std::views::split(before, '\n')) --surplus[std::string_view(line)];
    LineChange change;
    for (const auto count : surplus | std::views::values)
        (count > 0 ? change.added : change.removed) += static_cast<std::size_t>(std::abs(count));
    return change;
}

json::Object directory_document(const ClusterState& state, const MemberName& own,
                                const std::vector<GuestName>& not_adopted) {
    array guests;
    for (const auto& [name, entry] : state.directory()) {
        const auto& record = entry.value;
        if (record.version == 0) continue;  // A start alone left it behind.
        guests.push_back(json::Object{{"name", name.str()},
                                      {"version", record.version},
                                      {"uuid", record.uuid.str()},
                                      {"memory_mib", record.memory_mib},
                                      {"member", running_member(state, name)},
                                      {"change", word_entry(&record.change)}});
    }
    array waiting;
    for (const auto& name : not_adopted) waiting.emplace_back(name.str());
    return {{"v", 1}, {"member", own.str()}, {"guests", std::move(guests)}, {"not_adopted", std::move(waiting)}};
}

json::Object definition_document(const GuestName& guest, const DirectoryRecord& record) {
    return {{"v", 1},
            {"guest", guest.str()},
            {"version", record.version},
            {"uuid", record.uuid.str()},
            {"memory_mib", record.memory_mib},
            {"change", word_entry(&record.change)},
            {"xml", record.xml}};
}

json::Object history_document(const GuestName& guest, const std::vector<KeptVersion>& history) {
    array versions;
    const DirectoryRecord* before = nullptr;
    for (const auto& version : history) {
        versions.push_back(version_entry(version, before));
        if (version.definition) before = &*version.definition;
    }
    std::ranges::reverse(versions);
    return {{"v", 1}, {"guest", guest.str()}, {"versions", std::move(versions)}};
}

json::Object conflicts_document(const MemberName& own, const std::vector<KeptEdit>& edits) {
    array conflicts;
    for (const auto& edit : edits)
        conflicts.push_back(json::Object{{"guest", edit.guest.str()},
                                         {"file", edit.file.string()},
                                         {"since", time_text(edit.since)},
                                         {"why", edit.why}});
    return {{"v", 1}, {"member", own.str()}, {"conflicts", std::move(conflicts)}};
}

Error not_in_directory(const ClusterState& state, const GuestName& guest) {
    const auto& name = guest.str();
    if (const auto* deletion = state.deletion(guest); deletion != nullptr)
        return {ErrorCode::kGuestUnknown,
                std::format("guest {} is not in the directory: {} deleted it at {}", name, deletion->change.who,
                            deletion->change.at.str()),
                name, std::format("ssictl directory history {0}; ssictl directory rollback {0} VERSION", name)};
    return {ErrorCode::kGuestUnknown, std::format("guest {} is not in the directory", name), name,
            "ssictl directory list shows what is, and what can be adopted"};
}

}  // namespace ssi::cluster
