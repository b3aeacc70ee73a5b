#pragma once
/// The calls of a simulated ssid to the guard of its host, which has the real table of rights.

#include <memory>

#include "tests/sim/sim_cluster.hpp"

namespace ssi::sim {

[[nodiscard]] std::unique_ptr<cluster::GuardLink> sim_guard(Host& host, Process& ssid);

}  // namespace ssi::sim
