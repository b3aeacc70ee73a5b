#include "daemons/ssid/state/cluster_state.hpp"

#include <algorithm>
#include <format>
#include <utility>

#include "daemons/ssid/state/record_keys.hpp"
#include "lib/common/mutation.hpp"

namespace ssi::cluster {
namespace {

template <class Map, class Name>
auto find_value(const Map& map, const Name& name) {
    const auto found = map.find(name);
    return found == map.end() ? nullptr : &found->second.value;
}

/// Splits "ssi/v1/KIND/NAME"; both parts empty if the key is of another form.
std::pair<std::string_view, std::string_view> split(std::string_view key) {
    if (!key.starts_with(kKeyPrefix)) return {};
    const auto slash = key.find('/', kKeyPrefix.size());
    if (slash == std::string_view::npos) return {};
    return {key.substr(kKeyPrefix.size(), slash - kKeyPrefix.size()), key.substr(slash + 1)};
}

template <class Name, class Record>
Result<void> put_record(RecordMap<Name, Record>& map, std::string_view name, const std::string& value,
                        Revision modified) {
    auto parsed = Name::parse(name);
    if (!parsed) return std::unexpected(parsed.error());
    auto record = decode<Record>(value);
    if (!record) return std::unexpected(record.error());
    map[*parsed] = {*std::move(record), modified};
    return {};
}

template <class Record>
Result<void> put_single(std::optional<Versioned<Record>>& place, const std::string& value, Revision modified) {
    auto record = decode<Record>(value);
    if (!record) return std::unexpected(record.error());
    place = {*std::move(record), modified};
    return {};
}

template <class Name, class Record>
void erase_record(RecordMap<Name, Record>& map, std::string_view name) {
    if (auto parsed = Name::parse(name)) map.erase(*parsed);
}

}  // namespace

Result<void> ClusterState::reset(const Snapshot& snapshot) {
    ClusterState fresh;
    for (const auto& entry : snapshot.entries)
        if (auto applied = fresh.apply({entry.key, entry.value, entry.modified}); !applied) return applied;
    fresh.revision_ = std::max(fresh.revision_, snapshot.revision);
    *this = std::move(fresh);
    return {};
}

Result<void> ClusterState::apply(const Change& change) {
    auto& known = keys_[change.key];
    if (change.modified <= known.changed) return {};
    if (change.value) {
        if (auto put_result = put(change.key, *change.value, change.modified); !put_result) {
            auto error = put_result.error();
            error.what = std::format("key {}: {}", change.key, error.what);
            return std::unexpected(std::move(error));
        }
    } else {
        erase(change.key);
    }
    known = {change.modified, change.value.has_value()};
    revision_ = std::max(revision_, change.modified);
    return {};
}

Result<void> ClusterState::put(const std::string& key, const std::string& value, Revision modified) {
    const auto [kind, name] = split(key);
    if (kind == "members") return put_record(members_, name, value, modified);
    if (kind == "alive") return put_record(alive_, name, value, modified);
    if (kind == "fences") return put_record(fences_, name, value, modified);
    if (kind == "cluster" && name == "transition") return put_single(transition_, value, modified);
    if (kind == "cluster" && name == "disarmed") return put_single(disarmed_, value, modified);
    if (kind == "cluster" && name == "lone") return put_single(lone_, value, modified);
    if (kind == "maintenance") return put_record(maintenances_, name, value, modified);
    if (kind == "directory") return put_record(directory_, name, value, modified);
    if (kind == "deleted") return put_record(deleted_, name, value, modified);
    if (kind == "policies") return put_record(policies_, name, value, modified);
    if (kind == "capacity") return put_record(capacities_, name, value, modified);
    if (kind == "doors") return put_record(doors_, name, value, modified);
    if (kind == "residency") return put_record(residencies_, name, value, modified);
    if (kind == "uuids") return put_record(uuids_, name, value, modified);
    if (kind == "saved") return put_record(saved_, name, value, modified);
    if (kind == "moves") return put_record(moves_, name, value, modified);
    if (kind == "registrations") return put_record(registrations_, name, value, modified);
    if (kind == "configs") return put_record(configs_, name, value, modified);
    if (key == cluster_config_key())
        return decode<ClusterConfigRecord>(value).transform([this](auto record) { config_ = std::move(record); });
    return {};
}

void ClusterState::erase(const std::string& key) {
    const auto [kind, name] = split(key);
    if (kind == "members") erase_record(members_, name);
    if (kind == "alive") erase_record(alive_, name);
    if (kind == "fences") erase_record(fences_, name);
    if (kind == "cluster" && name == "transition") transition_.reset();
    if (kind == "cluster" && name == "disarmed") disarmed_.reset();
    if (kind == "cluster" && name == "lone") lone_.reset();
    if (kind == "maintenance") erase_record(maintenances_, name);
    if (kind == "directory") erase_record(directory_, name);
    if (kind == "deleted") erase_record(deleted_, name);
    if (kind == "policies") erase_record(policies_, name);
    if (kind == "capacity") erase_record(capacities_, name);
    if (kind == "doors") erase_record(doors_, name);
    if (kind == "residency") erase_record(residencies_, name);
    if (kind == "uuids") erase_record(uuids_, name);
    if (kind == "saved") erase_record(saved_, name);
    if (kind == "moves") erase_record(moves_, name);
    if (kind == "registrations") erase_record(registrations_, name);
    if (kind == "configs") erase_record(configs_, name);
    if (key == cluster_config_key()) config_.reset();
}

Revision ClusterState::modified(const std::string& key) const {
    const auto found = keys_.find(key);
    return found == keys_.end() || !found->second.exists ? Revision{} : found->second.changed;
}

const MemberConfigRecord* ClusterState::config_of(const MemberName& name) const {
    return find_value(configs_, name);
}
const MemberRecord* ClusterState::member(const MemberName& name) const {
    return find_value(members_, name);
}
const FenceRecord* ClusterState::fence(const MemberName& name) const {
    return find_value(fences_, name);
}
const OperatorWord* ClusterState::maintenance(const MemberName& name) const {
    return find_value(maintenances_, name);
}
const Residency* ClusterState::residency(const GuestName& name) const {
    return find_value(residencies_, name);
}
const UuidRecord* ClusterState::last_with(const GuestUuid& uuid) const {
    return find_value(uuids_, uuid);
}
const SavedRecord* ClusterState::saved(const GuestName& name) const {
    return find_value(saved_, name);
}
const DirectoryRecord* ClusterState::definition(const GuestName& name) const {
    return find_value(directory_, name);
}
const DirectoryRecord* ClusterState::directory_entry(const GuestName& name) const {
    const auto* known = definition(name);
    return known != nullptr && known->version > 0 ? known : nullptr;
}
const DeletedRecord* ClusterState::deletion(const GuestName& name) const {
    return find_value(deleted_, name);
}

GuestPolicy ClusterState::policy(const GuestName& name) const {
    if (const auto* said = find_value(policies_, name); said != nullptr) return *said;
    GuestPolicy policy;
    const auto* defined = definition(name);
    policy.restart = defined != nullptr && defined->restart;
    return policy;
}
const RegistrationRecord* ClusterState::registration(const MemberLife& life) const {
    const auto* record = find_value(registrations_, life.member);
    return record != nullptr && record->incarnation == life.incarnation ? record : nullptr;
}

const CapacityRecord* ClusterState::capacity(const MemberLife& life) const {
    const auto* record = find_value(capacities_, life.member);
    return record != nullptr && record->incarnation == life.incarnation ? record : nullptr;
}

const DoorsRecord* ClusterState::open_doors(const MemberLife& life) const {
    const auto* record = find_value(doors_, life.member);
    return record != nullptr && record->incarnation == life.incarnation ? record : nullptr;
}

bool ClusterState::may_take_guests(const MemberLife& life) const {
    return is_in_service(life) && open_doors(life) == nullptr;
}

bool ClusterState::is_in_service(const MemberLife& life) const {
    const auto* record = member(life.member);
    return record != nullptr && record->state == MemberState::kJoined && record->incarnation == life.incarnation &&
           fence(life.member) == nullptr;
}

bool ClusterState::is_over(const MemberLife& life) const {
    const auto* record = member(life.member);
    if (record == nullptr) return false;
    const bool has_a_later_one = record->incarnation > life.incarnation && !mutated(Mutation::kIncarnationIgnored);
    return has_a_later_one || (record->incarnation == life.incarnation && record->state == MemberState::kDown);
}

std::optional<MemberLife> ClusterState::joined_life(const MemberName& name) const {
    const auto* record = member(name);
    if (record == nullptr || record->state != MemberState::kJoined) return std::nullopt;
    return MemberLife{name, record->incarnation};
}

}  // namespace ssi::cluster
