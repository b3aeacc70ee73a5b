#include "daemons/ssid/api/bus_object.hpp"

#include <string>
#include <utility>

namespace ssi::cluster {

std::vector<Bus::Method> bus_methods(Administration& administration) {
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
    return {{"QuerySsi", {}, none(&Administration::query_ssi)},
            {"GuestList", {}, none(&Administration::guest_list)},
            {"GuestShow", {"guest"}, one(&Administration::guest_show)},
            {"GuestStart", {"guest", "member"}, two(&Administration::guest_start)},
            {"GuestShutdown", {"guest"}, one(&Administration::guest_shutdown)},
            {"GuestDestroy", {"guest"}, one(&Administration::guest_destroy)},
            {"RelocateMove", {"guest", "member"}, two(&Administration::relocate_move)},
            {"RelocateStatus", {"guest"}, one(&Administration::relocate_status)},
            {"MemberSetDown", {"member"}, one(&Administration::member_set_down)},
            {"MemberLeave", {}, none(&Administration::member_leave)}};
}

}  // namespace ssi::cluster
