#include "daemons/ssid/state/directory_rules.hpp"

#include <algorithm>
#include <format>
#include <ranges>
#include <utility>

#include "daemons/ssid/gate/door_test_guest.hpp"
#include "daemons/ssid/state/member_rules.hpp"
#include "daemons/ssid/state/record_keys.hpp"

namespace ssi::cluster {
namespace {

std::string made_by(const OperatorWord& change) {
    return std::format("by {} at {}{}", change.who, change.at.str(),
                       change.why.empty() ? "" : std::format(" ({})", change.why));
}

Result<void> check_uuid(const ClusterState& state, const DefinitionChange& change) {
    const auto& guest = change.guest.str();
    const auto& uuid = change.definition.uuid;
    // What a start alone left behind counts while the guest runs: its right is for that UUID.
    const auto* entry = state.directory_entry(change.guest);
    const auto* residency = state.residency(change.guest);
    const auto* own = entry != nullptr ? &entry->uuid : residency != nullptr ? &residency->uuid : nullptr;
    if (own != nullptr && *own != uuid)
        return failure(
            ErrorCode::kGuestUuidDiffers,
            std::format("guest {} has UUID {} in the cluster; the definition has {}", guest, own->str(), uuid.str()),
            guest, std::format("give it that UUID, or another name; or first: ssictl directory delete {}", guest));
    for (const auto& [other, record] : state.directory())
        if (record.value.version > 0 && record.value.uuid == uuid && other != change.guest)
            return failure(ErrorCode::kGuestUuidDiffers,
                           std::format("guest {} has the UUID of guest {}: {}", guest, other.str(), uuid.str()), guest,
                           "give it another UUID (without <uuid> libvirt makes one), or delete the other first");
    return {};
}

void keep_in_history(Transaction& transaction, const GuestName& guest, std::uint64_t version, std::string value) {
    transaction.writes.push_back({history_key(guest, version), std::move(value)});
    if (version > kKeptVersions)
        transaction.writes.push_back({history_key(guest, version - kKeptVersions), std::nullopt});
}

}  // namespace

std::uint64_t next_version(const ClusterState& state, const GuestName& guest) {
    const auto* entry = state.directory_entry(guest);
    const auto* deletion = state.deletion(guest);
    return std::max(entry == nullptr ? 0 : entry->version, deletion == nullptr ? 0 : deletion->version) + 1;
}

Result<void> check_base(const ClusterState& state, const GuestName& guest, std::optional<std::uint64_t> base) {
    const auto* entry = state.directory_entry(guest);
    if (!base || (entry == nullptr ? 0 : entry->version) == *base) return {};
    const auto changed = [&](std::string what) -> std::unexpected<Error> {
        return failure(ErrorCode::kDefinitionChanged, std::move(what), guest.str(),
                       std::format("look at it and make the change anew: ssictl directory get {0}, ssictl directory "
                                   "history {0}",
                                   guest.str()));
    };
    if (entry != nullptr && *base == 0)
        return changed(
            std::format("guest {} is in the directory already, defined {}", guest.str(), made_by(entry->change)));
    if (entry != nullptr)
        return changed(std::format("guest {} has version {} in the directory, made {}; this change is made from {}",
                                   guest.str(), entry->version, made_by(entry->change), *base));
    const auto* deletion = state.deletion(guest);
    return changed(std::format("guest {} is not in the directory{}", guest.str(),
                               deletion == nullptr ? "" : ": it was deleted " + made_by(deletion->change)));
}

Result<Transaction> decide_define(const ClusterState& state, const DefinitionChange& change) {
    const auto& guest = change.guest;
    const auto& wanted = change.definition;
    const auto* entry = state.directory_entry(guest);
    // Also when an answer was lost and this is its second try.
    if (entry != nullptr && entry->xml == wanted.xml && entry->uuid == wanted.uuid) return Transaction{};
    if (guest.str() == gate::kDoorTestGuest)
        return failure(ErrorCode::kDefinitionInvalid,
                       std::format("the name {} is kept for ssid's own use", guest.str()), guest.str(),
                       "give the guest another name");
    if (wanted.xml.size() > kLargestDefinition)
        return failure(ErrorCode::kDefinitionInvalid,
                       std::format("the definition of guest {} has {} bytes; {} are allowed", guest.str(),
                                   wanted.xml.size(), kLargestDefinition),
                       guest.str(), "take comments and what is not needed out of it");
    if (auto checked = check_base(state, guest, change.base); !checked) return std::unexpected(checked.error());
    if (auto checked = check_uuid(state, change); !checked) return std::unexpected(checked.error());
    auto next = wanted;
    next.version = next_version(state, guest);
    auto value = encode(next);
    Transaction transaction;
    // The key of the UUID is moved on, so that of two guests that get one UUID at once only one does.
    for (const auto& key : {directory_key(guest), deleted_key(guest), residency_key(guest), uuid_key(wanted.uuid)})
        transaction.conditions.push_back(unchanged(state, key));
    transaction.writes.push_back({directory_key(guest), value});
    const auto* last = state.last_with(wanted.uuid);
    const UuidRecord owner{guest, last == nullptr ? RunId() : last->run};
    transaction.writes.push_back({uuid_key(wanted.uuid), encode(owner)});
    if (state.deletion(guest) != nullptr) transaction.writes.push_back({deleted_key(guest), std::nullopt});
    keep_in_history(transaction, guest, next.version, std::move(value));
    return transaction;
}

Result<Transaction> decide_undefine(const ClusterState& state, const GuestName& guest, std::uint64_t base,
                                    const OperatorWord& change) {
    const auto* entry = state.directory_entry(guest);
    // Its own commit, whose answer was lost.
    const auto* done = state.deletion(guest);
    if (entry == nullptr && done != nullptr && done->change == change) return Transaction{};
    if (entry == nullptr && base == 0)
        return failure(ErrorCode::kGuestUnknown, std::format("guest {} is not in the directory", guest.str()),
                       guest.str(), "ssictl directory list shows what is");
    if (auto checked = check_base(state, guest, base); !checked) return std::unexpected(checked.error());
    if (const auto* residency = state.residency(guest); residency != nullptr)
        return failure(ErrorCode::kGuestBusy,
                       std::format("guest {} {} on {}, so it stays in the directory", guest.str(),
                                   residency->phase == Phase::kPending ? "is to be started" : "runs",
                                   residency->home.member.str()),
                       guest.str(), "shut it down first: ssictl guest shutdown " + guest.str());
    const DeletedRecord deletion{entry->uuid, entry->version + 1, change};
    const auto value = encode(deletion);
    Transaction transaction;
    for (const auto& key : {directory_key(guest), deleted_key(guest), residency_key(guest)})
        transaction.conditions.push_back(unchanged(state, key));
    for (auto key : {directory_key(guest), policy_key(guest), move_key(guest)})
        transaction.writes.push_back({std::move(key), std::nullopt});
    transaction.writes.push_back({deleted_key(guest), value});
    keep_in_history(transaction, guest, deletion.version, value);
    return transaction;
}

}  // namespace ssi::cluster
