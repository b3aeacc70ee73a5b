#pragma once
/// ssictl directory put and edit.

#include <chrono>
#include <iosfwd>
#include <string>

#include "lib/common/json_message.hpp"
#include "tools/ssictl/command_line.hpp"
#include "tools/ssictl/way.hpp"

namespace ssi::ctl {

/// ssid waits for another change of the guest, then for libvirt, and puts back what it had if the commit fails.
inline constexpr std::chrono::seconds kDefinitionChange{60};

/// The document of DirectoryPut. `input`: what FILE "-" stands for. Errors: kUsage (no such file), what ssid refused it
/// with.
[[nodiscard]] Result<json::Object> put_definition(const PutDefinition& wanted, std::istream& input, const Way& way);

/// The same of what an editor made of the present version. When it is refused, says why on `errors` and asks on `input`
/// whether to edit again; if not, the Error's remedy names the file in which the text is kept.
[[nodiscard]] Result<json::Object> edit_definition(const EditDefinition& wanted, std::istream& input,
                                                   std::ostream& errors, const Way& way);

}  // namespace ssi::ctl
