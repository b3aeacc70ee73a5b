#pragma once
/// system.toml on this member's disk: read, and replaced in two steps, so that all members can first say yes.

#include <filesystem>
#include <string>

#include "lib/common/config/document.hpp"
#include "lib/common/error.hpp"

namespace ssi::cluster {

class ConfigFile {
  public:
    explicit ConfigFile(std::filesystem::path path) : path_(std::move(path)) {}

    struct Content {
        std::string text;
        ConfigDocument document;
    };
    /// Errors: kConfigMissing, kConfigInvalid.
    [[nodiscard]] Result<Content> read() const;
    /// Parses text that is to become this file. Error: kConfigInvalid.
    [[nodiscard]] Result<ConfigDocument> parse(const std::string& text) const;

    /// Puts text beside the file, on the disk for good. Error: kSystemFailed.
    [[nodiscard]] Result<void> stage(const std::string& text) const;
    /// Makes what was staged the file, at once and for good; what was the file is kept beside it. Refused (kConflict)
    /// when what is staged is not the text of this SHA-256. Error: kSystemFailed.
    [[nodiscard]] Result<void> install(const std::string& digest) const;
    /// The file is the text of this SHA-256.
    [[nodiscard]] bool is(const std::string& digest) const;
    /// Takes an install back, if the file is still that text. Error: kSystemFailed.
    [[nodiscard]] Result<void> restore(const std::string& digest) const;
    /// Forgets what was staged.
    void drop() const;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    [[nodiscard]] std::filesystem::path staged() const { return path_.string() + ".staged"; }
    [[nodiscard]] std::filesystem::path previous() const { return path_.string() + ".previous"; }

    std::filesystem::path path_;
};

}  // namespace ssi::cluster
