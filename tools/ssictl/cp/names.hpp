#pragma once
/// Names in capitals, as mainframe hands type them. Pure.

#include <functional>
#include <string>
#include <vector>

#include "lib/common/error.hpp"
#include "tools/ssictl/cp/reading.hpp"

namespace ssi::ctl::cp {

/// All names of that kind that the cluster knows.
using KnownNames = std::function<std::vector<std::string>(Element::Kind kind)>;

/// Whether it names a guest or a member.
[[nodiscard]] bool has_names(const Reading& reading);

/// The names of guests and members as they are written: as they were typed, where something is called so; else the one
/// name that differs in case alone; else as they were typed, for the daemon to refuse. Error: kUsage, several differ in
/// case alone.
[[nodiscard]] Result<Reading> with_names_found(Reading reading, const KnownNames& known);

}  // namespace ssi::ctl::cp
