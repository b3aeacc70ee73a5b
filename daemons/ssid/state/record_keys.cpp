#include "daemons/ssid/state/record_keys.hpp"

#include <format>

namespace ssi::cluster {
namespace {

/// Not by std::format: a member makes one with each sign of life that it shows or sees.
std::string key(std::string_view kind, const std::string& name) {
    std::string made;
    made.reserve(kKeyPrefix.size() + kind.size() + 1 + name.size());
    return made.append(kKeyPrefix).append(kind).append(1, '/').append(name);
}

}  // namespace

std::string member_key(const MemberName& name) {
    return key("members", name.str());
}
std::string alive_key(const MemberName& name) {
    return key("alive", name.str());
}
std::string fence_key(const MemberName& name) {
    return key("fences", name.str());
}
std::string transition_key() {
    return key("cluster", "transition");
}
std::string disarmed_key() {
    return key("cluster", "disarmed");
}
std::string lone_key() {
    return key("cluster", "lone");
}
std::string maintenance_key(const MemberName& name) {
    return key("maintenance", name.str());
}
std::string directory_key(const GuestName& name) {
    return key("directory", name.str());
}
std::string deleted_key(const GuestName& name) {
    return key("deleted", name.str());
}
std::string policy_key(const GuestName& name) {
    return key("policies", name.str());
}
std::string capacity_key(const MemberName& name) {
    return key("capacity", name.str());
}
std::string doors_key(const MemberName& name) {
    return key("doors", name.str());
}
std::string residency_key(const GuestName& name) {
    return key("residency", name.str());
}
std::string saved_key(const GuestName& name) {
    return key("saved", name.str());
}
std::string move_key(const GuestName& name) {
    return key("moves", name.str());
}
std::string uuid_key(const GuestUuid& uuid) {
    return key("uuids", uuid.str());
}
std::string registration_key(const MemberName& name) {
    return key("registrations", name.str());
}
std::string cluster_config_key() {
    return key("config", "cluster");
}
std::string member_config_key(const MemberName& name) {
    return key("configs", name.str());
}
std::string history_key(const GuestName& name, std::uint64_t version) {
    return std::format("{}{:010}", history_prefix(name), version);  // in the order of their numbers
}
std::string history_prefix(const GuestName& name) {
    return std::format("ssi/history/v1/{}/", name.str());
}

}  // namespace ssi::cluster
