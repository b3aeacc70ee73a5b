#pragma once
/// The system.toml with which a daemon starts. One that was broken by hand since the last start keeps no daemon down:
/// the guests of a member whose daemons do not come back are started elsewhere (R8).

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "lib/common/config/document.hpp"

namespace ssi {

/// The file, and a copy of the one with which this daemon ran last in this boot.
class KeptConfig {
  public:
    /// `copy`: in a directory that a boot empties, and that is this daemon's alone.
    KeptConfig(std::filesystem::path file, std::filesystem::path copy)
        : file_(std::move(file)), copy_(std::move(copy)) {}

    struct Start {
        ConfigDocument document;
        MemberName own;
        std::string text;            ///< To be kept when the daemon runs with it.
        std::optional<Error> fault;  ///< Of the file, so that the copy is used.
    };
    /// `member`: as for own_member(). Errors, when the copy does not help either: those of the file, kConfigMissing,
    /// kConfigInvalid, kMemberUnknown.
    [[nodiscard]] Result<Start> load(std::string_view member) const;

    /// This daemon runs with `text` from now on. What goes wrong is logged: it harms only a later start.
    void keep(std::string_view text) const;

  private:
    std::filesystem::path file_;
    std::filesystem::path copy_;
};

}  // namespace ssi
