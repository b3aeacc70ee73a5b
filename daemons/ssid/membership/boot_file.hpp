#pragma once
/// The BootRecord in /run/ssi/incarnation: gone with the boot, as the incarnation is.

#include <filesystem>

#include "daemons/ssid/membership/membership.hpp"

namespace ssi::cluster {

class BootFile final : public BootRecord {
  public:
    explicit BootFile(std::filesystem::path file) : file_(std::move(file)) {}
    Result<std::optional<Incarnation>> load() override;
    Result<void> store(Incarnation incarnation) override;
    Result<void> clear() override;

  private:
    std::filesystem::path file_;
};

}  // namespace ssi::cluster
