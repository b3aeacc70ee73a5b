#pragma once
/// The fence methods of a simulated ssid: an agent that cuts power, and reservations.

#include <memory>
#include <vector>

#include "tests/sim/sim_cluster.hpp"

namespace ssi::sim {

[[nodiscard]] std::unique_ptr<cluster::FenceAgent> sim_fence_agent(Host& host, Process& ssid);
/// As the cluster has them when ssid starts, proof by time last.
[[nodiscard]] std::vector<cluster::FenceStep> sim_fence_chain(Host& host, Process& ssid);

}  // namespace ssi::sim
