#pragma once
/// The process of the witness, held by a pidfd: it is never mistaken for another, and its end cannot be missed.

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include "lib/common/error.hpp"

namespace ssi::gate {

class WitnessProcess {
  public:
    /// Where ssi-witness.service says what runs; other places in tests.
    struct Places {
        std::filesystem::path pid = "/run/ssi/witness-etcd/pid";    ///< Written before etcd begins.
        std::filesystem::path loop = "/run/ssi/witness-etcd/loop";  ///< There until all was written to the area.
        std::filesystem::path processes = "/proc";
        std::string unit = "ssi-witness.service";  ///< The last part of its control group's name.
    };

    /// The one that the file names, if it is there and belongs to the unit.
    [[nodiscard]] static std::optional<WitnessProcess> find(const Places& places);

    WitnessProcess(WitnessProcess&& other) noexcept;
    WitnessProcess& operator=(WitnessProcess&& other) noexcept;
    WitnessProcess(const WitnessProcess&) = delete;
    WitnessProcess& operator=(const WitnessProcess&) = delete;
    ~WitnessProcess();

    [[nodiscard]] pid_t pid() const { return pid_; }
    /// All of its threads have ended, reaped or not.
    [[nodiscard]] bool is_gone() const;
    /// SIGKILL. No error when it is gone already. Error: kSystemFailed.
    Result<void> kill();

  private:
    WitnessProcess(pid_t pid, int pidfd) : pid_(pid), pidfd_(pidfd) {}

    pid_t pid_;
    int pidfd_;
};

}  // namespace ssi::gate
