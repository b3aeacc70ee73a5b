#pragma once
/// `ssictl pdr`: a PDR volume is made and looked at, without a daemon. The answers are documents as the daemons' are.

#include <string>

#include "lib/common/json_message.hpp"
#include "tools/ssictl/pdr_place.hpp"

namespace ssi::ctl {

/// Makes the volume. Refused (kPdrForeign) when it holds anything and not `force`, and in any case while a member of
/// any cluster moves its slot there: four beats are waited for that.
[[nodiscard]] Result<json::Object> format_pdr(const PdrPlace& place, bool force);

/// Label and slots, as they are on the disk. Another cluster's volume is shown too.
[[nodiscard]] Result<json::Object> show_pdr(const PdrPlace& place);

/// The same with every fault there is. The label must be this cluster's.
[[nodiscard]] Result<json::Object> check_pdr(const PdrPlace& place);

[[nodiscard]] Result<std::string> render_pdr(const json::Object& document);
[[nodiscard]] Result<std::string> render_pdr_check(const json::Object& document);
/// How many faults a document of check_pdr has.
[[nodiscard]] std::size_t faults_in(const json::Object& document);

}  // namespace ssi::ctl
