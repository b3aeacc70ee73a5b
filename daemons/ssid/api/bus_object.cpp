#include "daemons/ssid/api/bus_object.hpp"

#include <format>
#include <string>
#include <utility>

namespace ssi::cluster {

std::string user_of(Bus::Caller caller) {
    if (!caller.name.empty()) return std::move(caller.name);
    return caller.uid == 0 ? "root" : std::format("user {}", caller.uid);
}

std::vector<Bus::Method> bus_methods(Administration& administration, EngineAdministration& engine) {
    using Arguments = std::vector<std::string>;
    auto& a = administration;
    const auto none = [&a](Administration::Answer (Administration::*method)()) {
        return [&a, method](Arguments, Bus::Caller) { return (a.*method)(); };
    };
    const auto one = [&a](Administration::Answer (Administration::*method)(std::string)) {
        return [&a, method](Arguments arguments, Bus::Caller) { return (a.*method)(std::move(arguments[0])); };
    };
    const auto two = [&a](Administration::Answer (Administration::*method)(std::string, std::string)) {
        return [&a, method](Arguments arguments, Bus::Caller) {
            return (a.*method)(std::move(arguments[0]), std::move(arguments[1]));
        };
    };
    const auto of_engine = [&engine](EngineAdministration::Answer (EngineAdministration::*method)()) {
        return [&engine, method](Arguments, Bus::Caller) { return (engine.*method)(); };
    };
    return {
        {"QuerySsi", {}, none(&Administration::query_ssi)},
        {"Why", {"member"}, one(&Administration::why)},
        {"GuestList", {}, none(&Administration::guest_list)},
        {"GuestShow", {"guest"}, one(&Administration::guest_show)},
        {"GuestStart", {"guest", "member"}, two(&Administration::guest_start)},
        {"GuestShutdown", {"guest"}, one(&Administration::guest_shutdown)},
        {"GuestDestroy", {"guest"}, one(&Administration::guest_destroy)},
        {"GuestDiscard",
         {"guest"},
         [&a](Arguments arguments, Bus::Caller by) { return a.guest_discard(arguments[0], user_of(by)); }},
        {"GuestPolicy",
         {"guest", "restart", "prefer", "priority", "limit"},
         [&a](Arguments arguments, Bus::Caller) {
             return a.guest_policy(arguments[0], arguments[1], arguments[2], arguments[3], arguments[4]);
         }},
        {"RelocateMove", {"guest", "member"}, two(&Administration::relocate_move)},
        {"RelocateStatus", {"guest"}, one(&Administration::relocate_status)},
        {"MemberSetDown", {"member"}, one(&Administration::member_set_down)},
        {"MemberLeave", {}, none(&Administration::member_leave)},
        {"FenceTest", {"member"}, one(&Administration::fence_test)},
        {"Disarm", {"why"}, [&a](Arguments arguments, Bus::Caller by) { return a.disarm(arguments[0], user_of(by)); }},
        {"Arm", {}, [&a](Arguments, Bus::Caller by) { return a.arm(user_of(by)); }},
        {"MaintenanceOn",
         {"member", "why"},
         [&a](Arguments arguments, Bus::Caller by) {
             return a.maintenance_on(arguments[0], arguments[1], user_of(by));
         }},
        {"MaintenanceOff",
         {"member"},
         [&a](Arguments arguments, Bus::Caller by) { return a.maintenance_off(arguments[0], user_of(by)); }},
        {"EngineStatus", {}, of_engine(&EngineAdministration::status)},
        {"EngineBackup", {}, of_engine(&EngineAdministration::backup)},
        {"EngineRestore", {}, of_engine(&EngineAdministration::restore)},
        {"EngineForce", {}, of_engine(&EngineAdministration::force)},
        {"EngineCompact", {}, of_engine(&EngineAdministration::compact)}};
}

}  // namespace ssi::cluster
