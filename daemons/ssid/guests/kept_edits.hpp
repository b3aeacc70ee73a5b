#pragma once
/// Definitions that somebody made in libvirt and that the directory did not take, kept for whoever made them: a file
/// each, which virsh and ssictl directory put read again.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "lib/common/error.hpp"
#include "lib/common/names.hpp"

namespace ssi::cluster {

struct KeptEdit {
    GuestName guest;
    std::filesystem::path file;
    std::int64_t since = 0;  ///< Seconds since 1970.
    std::string why;         ///< Why it was not taken.
    friend bool operator==(const KeptEdit&, const KeptEdit&) = default;
};

class KeptEdits {
  public:
    /// `directory` is made when it is needed.
    explicit KeptEdits(std::filesystem::path directory) : directory_(std::move(directory)) {}

    /// Durable when it returns; blocks for the disk. `why`: one line. Error: kSystemFailed.
    Result<KeptEdit> keep(const GuestName& guest, const std::string& xml, const std::string& why,
                          std::int64_t since) const;
    /// The newest first. Error: kSystemFailed.
    [[nodiscard]] Result<std::vector<KeptEdit>> all() const;

  private:
    std::filesystem::path directory_;
};

}  // namespace ssi::cluster
