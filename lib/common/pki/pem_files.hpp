#pragma once
/// Certificates and keys as files in PEM. Inner part of pki/.

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "lib/common/pki/openssl_objects.hpp"

namespace ssi::pki {

/// All certificates of a file, in its order; at least one. Errors: kConfigMissing, kCertificateInvalid.
[[nodiscard]] Result<std::vector<Certificate>> read_certificates(const std::filesystem::path& file);
/// Errors: kConfigMissing, kCertificateInvalid.
[[nodiscard]] Result<Key> read_key(const std::filesystem::path& file);

/// Empty when OpenSSL failed.
[[nodiscard]] std::string certificate_text(const Certificate& certificate);
[[nodiscard]] std::string key_text(const Key& key);

/// Files that belong together: all are written and synced beside their places before the first is moved there. What is
/// not moved is removed with the object.
class StagedFiles {
  public:
    StagedFiles() = default;
    ~StagedFiles();
    StagedFiles(const StagedFiles&) = delete;
    StagedFiles& operator=(const StagedFiles&) = delete;

    /// Never readable with other permissions than `mode`. Error: kSystemFailed, also for an empty text.
    [[nodiscard]] Result<void> add(const std::filesystem::path& file, const std::string& text, mode_t mode);
    /// MEMBER.key (0600) and MEMBER.crt (0644) of a stem; `chain` follows the certificate in its file.
    [[nodiscard]] Result<void> add_pair(const std::filesystem::path& stem, const Certificate& certificate,
                                        const Key& key, const std::string& chain = {});
    /// Moves them in the order in which they were added. Error: kSystemFailed; those before it are in place.
    [[nodiscard]] Result<void> commit();
    [[nodiscard]] std::vector<std::filesystem::path> places() const;

  private:
    struct Staged {
        std::string temporary;  // empty: moved
        std::filesystem::path place;
    };
    std::vector<Staged> files_;
};

}  // namespace ssi::pki
