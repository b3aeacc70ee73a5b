#pragma once
/// The table of rights on disk (tmpfs): written before the door's answer, read at the guard's restart.

#include <filesystem>
#include <string>

#include "daemons/ssid/gate/right_table.hpp"

namespace ssi::gate {

/// Replaces a file as a whole; not synced, as none here is to outlive the boot. Error: kSystemFailed.
[[nodiscard]] Result<void> replace_file(const std::filesystem::path& path, const std::string& text);

class TableFile {
  public:
    explicit TableFile(std::filesystem::path path) : path_(std::move(path)) {}

    /// Error: kSystemFailed.
    [[nodiscard]] Result<void> save(const RightTable& table) const;

    /// An empty table when there is no file. Errors: kSystemFailed, kProtocolViolated.
    [[nodiscard]] Result<RightTable> load() const;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace ssi::gate
