#pragma once
/// A simulated libvirt, as the probes saw the real one: hook, REGISTER in the child, one-shot REGISTER before the CPUs
/// run. It goes on when the ssid that asked it for something is gone.

#include <memory>

#include "tests/sim/sim_cluster.hpp"

namespace ssi::sim {

[[nodiscard]] gate::QemuOwner owner_of(const Qemu& qemu);
/// The moment before the first instruction: the door is asked.
[[nodiscard]] Result<void> set_running(Host& target, std::int64_t pid);

[[nodiscard]] std::unique_ptr<SimLibvirt> sim_libvirt(Host& host, Process& ssid);

}  // namespace ssi::sim
