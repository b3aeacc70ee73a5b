#pragma once
/// Carrying out `ssictl at`.

#include <iosfwd>

#include "lib/common/error.hpp"
#include "tools/ssictl/command_line.hpp"
#include "tools/ssictl/way.hpp"

namespace ssi::ctl {

/// Of one member the same output and exit status as there. Of all: one after the other, each line begins with its
/// member's name, or one document with an answer or error of each; the status is the highest. Errors: of the list of
/// the members.
[[nodiscard]] Result<int> run_at(const AtCommand& wanted, bool json, std::istream& input, std::ostream& output,
                                 std::ostream& errors, const Way& way);

}  // namespace ssi::ctl
