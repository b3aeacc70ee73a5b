#pragma once
/// The lease's memory on the tmpfs, for the guard's restart within one boot (SAFETY 11).

#include <filesystem>
#include <optional>
#include <utility>

#include "daemons/ssid/gate/lease.hpp"
#include "lib/common/error.hpp"

namespace ssi::gate {

class LeaseFile {
  public:
    explicit LeaseFile(std::filesystem::path path) : path_(std::move(path)) {}

    [[nodiscard]] Result<void> save(const Lease::Memory& memory) const;
    /// None: no guard of this boot has written one. Errors: kProtocolViolated, kSystemFailed.
    [[nodiscard]] Result<std::optional<Lease::Memory>> load() const;

  private:
    std::filesystem::path path_;
};

}  // namespace ssi::gate
