#pragma once
/// How states, kinds and events of rights are written on the guard's socket and in its file.

#include <string_view>

#include "daemons/ssid/gate/guard_link.hpp"
#include "lib/common/error.hpp"

namespace ssi::gate {

using cluster::CancelOutcome;
using cluster::GuardEvent;
using cluster::Right;
using cluster::RightKind;
using cluster::RightState;

[[nodiscard]] std::string_view to_text(RightKind kind);
[[nodiscard]] std::string_view to_text(RightState state);
[[nodiscard]] std::string_view to_text(GuardEvent::Kind kind);
[[nodiscard]] std::string_view to_text(CancelOutcome outcome);

/// Error: kProtocolViolated, naming the word that was not known.
[[nodiscard]] Result<RightKind> parse_right_kind(std::string_view text);
[[nodiscard]] Result<RightState> parse_right_state(std::string_view text);
[[nodiscard]] Result<GuardEvent::Kind> parse_event_kind(std::string_view text);
[[nodiscard]] Result<CancelOutcome> parse_cancel_outcome(std::string_view text);
/// A run as it comes from elsewhere: 1-64 of a-z A-Z 0-9 "-", so that it can be part of the name of a stored
/// descriptor.
[[nodiscard]] Result<RunId> parse_run(std::string_view text);

}  // namespace ssi::gate
