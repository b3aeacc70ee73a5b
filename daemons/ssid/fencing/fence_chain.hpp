#pragma once
/// What is tried, in order, to prove that a silent member is dead: the [[fence]] of system.toml (SAFETY 13).

#include <memory>
#include <variant>
#include <vector>

#include "daemons/ssid/fencing/fence_agent.hpp"
#include "daemons/ssid/fencing/write_fence.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::cluster {

/// Its watchdog has reset it when T_dead is over (SAFETY 13 b).
struct ProofByTime {};
using FenceStep = std::variant<std::unique_ptr<FenceAgent>, ProofByTime, std::unique_ptr<WriteFence>>;

/// As the file lists them. Where it names neither time nor the operator, time comes last: a member that declares a
/// hardware watchdog has said that it may.
[[nodiscard]] std::vector<FenceConfig> fence_methods(const SystemConfig& config);
/// The same, ready to be tried. The operator is no step: nothing stands behind it.
[[nodiscard]] std::vector<FenceStep> fence_chain(const SystemConfig& config);

}  // namespace ssi::cluster
