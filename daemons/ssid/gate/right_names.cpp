#include "daemons/ssid/gate/right_names.hpp"

#include <array>
#include <cstddef>
#include <format>
#include <utility>

namespace ssi::gate {
namespace {

// In the order of the enumerations.
constexpr std::array<std::string_view, 2> kKinds{"start", "incoming"};
constexpr std::array<std::string_view, 6> kStates{"granted",  "registered",  "acquired",
                                                  "released", "handed-over", "lost"};
constexpr std::array<std::string_view, 5> kEvents{"registered", "acquired", "released", "ended", "expired"};
constexpr std::array<std::string_view, 2> kOutcomes{"cancelled", "acquired"};

template <class Enum, std::size_t Size>
Result<Enum> find(const std::array<std::string_view, Size>& words, std::string_view text, std::string_view noun) {
    for (std::size_t index = 0; index < Size; ++index)
        if (words[index] == text) return static_cast<Enum>(index);
    return failure(ErrorCode::kProtocolViolated, std::format("'{}' is no {}", text.substr(0, 40), noun));
}

}  // namespace

std::string_view to_text(RightKind kind) {
    return kKinds.at(static_cast<std::size_t>(kind));
}
std::string_view to_text(RightState state) {
    return kStates.at(static_cast<std::size_t>(state));
}
std::string_view to_text(GuardEvent::Kind kind) {
    return kEvents.at(static_cast<std::size_t>(kind));
}
std::string_view to_text(CancelOutcome outcome) {
    return kOutcomes.at(static_cast<std::size_t>(outcome));
}

Result<RightKind> parse_right_kind(std::string_view text) {
    return find<RightKind>(kKinds, text, "kind of right");
}
Result<RightState> parse_right_state(std::string_view text) {
    return find<RightState>(kStates, text, "state of a right");
}
Result<GuardEvent::Kind> parse_event_kind(std::string_view text) {
    return find<GuardEvent::Kind>(kEvents, text, "event of the guard");
}
Result<CancelOutcome> parse_cancel_outcome(std::string_view text) {
    return find<CancelOutcome>(kOutcomes, text, "outcome of a cancel");
}
Result<RunId> parse_run(std::string_view text) {
    constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    if (text.empty() || text.size() > 64 || text.find_first_not_of(kAllowed) != std::string_view::npos)
        return failure(ErrorCode::kProtocolViolated, std::format("'{}' is no run of a guest", text.substr(0, 80)));
    return RunId(std::string(text));
}

}  // namespace ssi::gate
