#include "daemons/ssid/configuration/config_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <format>
#include <system_error>
#include <utility>

#include "lib/common/config/shared.hpp"
#include "lib/common/durable_file.hpp"
#include "lib/common/text_file.hpp"

namespace ssi::cluster {

Result<ConfigFile::Content> ConfigFile::read() const {
    auto text = read_text_file(path_);
    if (!text)
        return failure(ErrorCode::kConfigMissing, std::format("cannot read {}", path_.string()), path_.string(),
                       "ssictl config pull takes it from another member");
    auto document = parse(*text);
    if (!document) return std::unexpected(document.error());
    return Content{*std::move(text), *std::move(document)};
}

Result<ConfigDocument> ConfigFile::parse(const std::string& text) const {
    return parse_config_document(text, path_.string());
}

Result<void> ConfigFile::stage(const std::string& text) const {
    struct stat now{};
    const mode_t mode = ::stat(path_.c_str(), &now) == 0 ? now.st_mode & 0777U : 0644U;
    return write_durably(staged(), text, mode);
}

Result<void> ConfigFile::install(const std::string& digest) const {
    const auto text = read_text_file(staged());
    if (!text || sha256_text(*text) != digest)
        return failure(ErrorCode::kConflict, "another system.toml was sent to this member meanwhile", path_.string(),
                       "try again");
    std::error_code error;
    if (std::filesystem::exists(path_, error))
        std::filesystem::copy_file(path_, previous(), std::filesystem::copy_options::overwrite_existing, error);
    if (error) return system_failure(std::format("cannot keep {}", path_.string()), path_.string(), error.value());
    return rename_durably(staged(), path_);
}

bool ConfigFile::is(const std::string& digest) const {
    const auto text = read_text_file(path_);
    return text && sha256_text(*text) == digest;
}

Result<void> ConfigFile::restore(const std::string& digest) const {
    std::error_code error;
    if (!is(digest) || !std::filesystem::exists(previous(), error)) return {};
    return rename_durably(previous(), path_);
}

void ConfigFile::drop() const {
    ::unlink(staged().c_str());
}

}  // namespace ssi::cluster
