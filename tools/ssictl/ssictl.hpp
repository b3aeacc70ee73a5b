#pragma once
/// The whole command, but for the process around it.

#include <iosfwd>
#include <string>
#include <vector>

#include "lib/common/error.hpp"
#include "tools/ssictl/way.hpp"

namespace ssi::ctl {

/// The exit status that an Error ends the command with: 1 refused, 2 usage, 3 the daemon cannot be reached.
[[nodiscard]] int exit_status(const Error& error);

/// Does what the arguments (without the program's name) say; returns the exit status, 0 when it is done. `terminal`:
/// output is one, so that what changes is drawn over what was.
[[nodiscard]] int run(std::vector<std::string> arguments, std::istream& input, std::ostream& output,
                      std::ostream& errors, const Way& way = {}, bool terminal = false);

}  // namespace ssi::ctl
