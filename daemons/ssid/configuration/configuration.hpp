#pragma once
/// What ssid runs with.

#include "daemons/ssid/configuration/config_file.hpp"
#include "daemons/ssid/configuration/reload_plan.hpp"
#include "lib/common/config/shared.hpp"

namespace ssi::cluster {

class Configuration {
  public:
    Configuration(const std::filesystem::path& file, ConfigDocument running, MemberName own)
        : file_(file), running_(std::move(running)), shared_(shared_config(running_.entries)), own_(std::move(own)) {}
    Configuration(const Configuration&) = delete;
    Configuration& operator=(const Configuration&) = delete;

    /// Stays where it is: a reload changes what stands there.
    [[nodiscard]] const SystemConfig& config() const { return running_.config; }
    [[nodiscard]] const std::vector<ConfigEntry>& entries() const { return running_.entries; }
    [[nodiscard]] const SharedConfig& shared() const { return shared_; }
    [[nodiscard]] const ConfigFile& file() const { return file_; }
    [[nodiscard]] const MemberName& own() const { return own_; }

    /// Can this member go on with that file? It must be the same cluster's and have this member in its slot. Errors:
    /// kMemberUnknown, kConfigInvalid.
    [[nodiscard]] Result<void> fits(const ConfigDocument& fresh) const;
    /// Can it without a restart? Errors: those of fits(); kConfigNeedsRestart, which names every such key.
    [[nodiscard]] Result<void> may_reload(const ConfigDocument& fresh) const;
    /// After may_reload().
    void take_over(ConfigDocument fresh);

  private:
    ConfigFile file_;
    ConfigDocument running_;
    /// Kept for ever: a coroutine may wait in the middle of a list that a reload replaces. They are few and small.
    std::vector<SystemConfig> former_;
    SharedConfig shared_;
    MemberName own_;
};

}  // namespace ssi::cluster
