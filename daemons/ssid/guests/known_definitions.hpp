#pragma once
/// What this member last had in common with the directory, kept over restarts of ssid and of the host: by it an edit
/// that was made while nobody looked is told from a definition that is merely old.

#include <filesystem>
#include <map>

#include "daemons/ssid/guests/definition_plan.hpp"
#include "lib/common/error.hpp"

namespace ssi::cluster {

class KnownDefinitions {
  public:
    explicit KnownDefinitions(std::filesystem::path file) : file_(std::move(file)) {}

    /// False: there is no such file, so this member was in no cluster yet. Errors: kSystemFailed; kProtocolViolated, of
    /// a file that is not ours.
    Result<bool> load();
    /// Writes it durably if anything has changed since; blocks for the disk. Error: kSystemFailed.
    Result<void> save();

    [[nodiscard]] const std::map<GuestName, KnownDefinition>& all() const { return known_; }
    [[nodiscard]] std::optional<KnownDefinition> find(const GuestName& guest) const;
    void set(const GuestName& guest, KnownDefinition known);
    void forget(const GuestName& guest);

  private:
    std::filesystem::path file_;
    std::map<GuestName, KnownDefinition> known_;
    bool is_changed_ = true;  ///< Also an empty one is written: that this member has been in a cluster.
};

}  // namespace ssi::cluster
