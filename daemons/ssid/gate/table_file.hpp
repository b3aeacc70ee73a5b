#pragma once
/// The table of rights on disk (tmpfs): written before the door's answer, read at the guard's restart.

#include <filesystem>

#include "daemons/ssid/gate/right_table.hpp"

namespace ssi::gate {

class TableFile {
  public:
    explicit TableFile(std::filesystem::path path) : path_(std::move(path)) {}

    /// Replaces the file as a whole; not synced, as it is not to outlive the boot. Error: kSystemFailed.
    [[nodiscard]] Result<void> save(const RightTable& table) const;

    /// An empty table when there is no file. Errors: kSystemFailed, kProtocolViolated.
    [[nodiscard]] Result<RightTable> load() const;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace ssi::gate
