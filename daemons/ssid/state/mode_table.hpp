#pragma once
/// What is allowed in which mode. docs/modes.md shows this table to people; a test compares the two.

#include <array>
#include <string_view>

#include "daemons/ssid/state/cluster_mode.hpp"

namespace ssi::cluster {

/// What somebody wants of the cluster.
enum class Request {
    kRun,             ///< A guest that runs goes on, is paused, resumed, or ends.
    kDoorStart,       ///< A start through libvirt's own doors.
    kStart,           ///< ssictl guest start, on this member.
    kStartElsewhere,  ///< The same on another member.
    kRelocate,
    kJoin,
    kLeave,
    kFence,     ///< A silent member is fenced.
    kRestart,   ///< Guests of a member that was declared dead start elsewhere.
    kOperator,  ///< set-down, arm, disarm, maintenance, guest policy.
};

enum class Rule {
    kGoesOn,             ///< In any case.
    kAtOnce,             ///< Decided at once, as the records say; never waits.
    kWaits,              ///< First waits, bounded, for the end of Influx; then as kAtOnce.
    kUnlessUnreachable,  ///< As kAtOnce, but refused when it needs a member that cannot be reached.
};

struct ModeRow {
    Request request{};
    std::string_view words;
    Rule stable{};
    Rule influx{};
    Rule safe{};
};

inline constexpr std::array<ModeRow, 10> kModeTable{{
    {Request::kRun, "a running guest goes on, is paused, resumed, ends", Rule::kGoesOn, Rule::kGoesOn, Rule::kGoesOn},
    {Request::kDoorStart, "start through libvirt's own doors", Rule::kAtOnce, Rule::kAtOnce, Rule::kUnlessUnreachable},
    {Request::kStart, "ssictl guest start, here", Rule::kAtOnce, Rule::kWaits, Rule::kUnlessUnreachable},
    {Request::kStartElsewhere, "ssictl guest start, on another member", Rule::kAtOnce, Rule::kWaits,
     Rule::kUnlessUnreachable},
    {Request::kRelocate, "relocation", Rule::kAtOnce, Rule::kWaits, Rule::kUnlessUnreachable},
    {Request::kJoin, "join of a member", Rule::kAtOnce, Rule::kWaits, Rule::kUnlessUnreachable},
    {Request::kLeave, "leave of a member", Rule::kAtOnce, Rule::kWaits, Rule::kUnlessUnreachable},
    {Request::kFence, "fencing of a silent member", Rule::kAtOnce, Rule::kAtOnce, Rule::kUnlessUnreachable},
    {Request::kRestart, "restart of a dead member's guests", Rule::kAtOnce, Rule::kAtOnce, Rule::kUnlessUnreachable},
    {Request::kOperator, "set-down, arm, disarm, maintenance", Rule::kAtOnce, Rule::kAtOnce, Rule::kUnlessUnreachable},
}};

/// "goes on", "at once", "waits", "unless it needs an unreachable member", as in docs/modes.md.
[[nodiscard]] constexpr std::string_view text_of(Rule rule) {
    switch (rule) {
        case Rule::kGoesOn:
            return "goes on";
        case Rule::kAtOnce:
            return "at once";
        case Rule::kWaits:
            return "waits";
        case Rule::kUnlessUnreachable:
            break;
    }
    return "unless it needs an unreachable member";
}

[[nodiscard]] constexpr Rule rule_of(Request request, ClusterMode mode) {
    for (const auto& row : kModeTable)
        if (row.request == request)
            return mode == ClusterMode::kStable ? row.stable : mode == ClusterMode::kInflux ? row.influx : row.safe;
    return Rule::kUnlessUnreachable;
}

enum class Gate { kOpen, kWait, kRefuse };

/// `is_reachable`: every member that the request needs can be asked, and the majority is with us.
[[nodiscard]] constexpr Gate judge(Request request, ClusterMode mode, bool is_reachable) {
    switch (rule_of(request, mode)) {
        case Rule::kGoesOn:
        case Rule::kAtOnce:
            return Gate::kOpen;
        case Rule::kWaits:
            return Gate::kWait;
        case Rule::kUnlessUnreachable:
            break;
    }
    return is_reachable ? Gate::kOpen : Gate::kRefuse;
}

}  // namespace ssi::cluster
