#include "daemons/ssid/configuration/config_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <format>
#include <system_error>
#include <utility>

#include "lib/common/config/shared.hpp"
#include "lib/common/text_file.hpp"

namespace ssi::cluster {
namespace {

std::unexpected<Error> failed(std::string_view act, const std::filesystem::path& file, int number) {
    return system_failure(std::format("cannot {} {}", act, file.string()), file.string(), number);
}

Result<void> sync_directory(const std::filesystem::path& file) {
    const auto folder = file.parent_path();
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return failed("open", folder, errno);
    const int synced = ::fsync(descriptor) == 0 ? 0 : errno;
    ::close(descriptor);
    if (synced != 0) return failed("write", folder, synced);
    return {};
}

Result<void> write_for_good(const std::filesystem::path& file, const std::string& text, mode_t mode) {
    ::unlink(file.c_str());
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (descriptor < 0) return failed("write", file, errno);
    int number = 0;
    for (std::size_t done = 0; done < text.size() && number == 0;) {
        const auto part = ::write(descriptor, text.data() + done, text.size() - done);
        if (part < 0)
            number = errno == EINTR ? 0 : errno;
        else
            done += static_cast<std::size_t>(part);
    }
    if (number == 0 && (::fchmod(descriptor, mode) != 0 || ::fsync(descriptor) != 0)) number = errno;
    ::close(descriptor);
    if (number != 0) return failed("write", file, number);
    return sync_directory(file);
}

Result<void> rename_for_good(const std::filesystem::path& from, const std::filesystem::path& to) {
    if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename", from, errno);
    return sync_directory(to);
}

}  // namespace

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
    return write_for_good(staged(), text, mode);
}

Result<void> ConfigFile::install(const std::string& digest) const {
    const auto text = read_text_file(staged());
    if (!text || sha256_text(*text) != digest)
        return failure(ErrorCode::kConflict, "another system.toml was sent to this member meanwhile", path_.string(),
                       "try again");
    std::error_code error;
    if (std::filesystem::exists(path_, error))
        std::filesystem::copy_file(path_, previous(), std::filesystem::copy_options::overwrite_existing, error);
    if (error) return failed("keep", path_, error.value());
    return rename_for_good(staged(), path_);
}

bool ConfigFile::is(const std::string& digest) const {
    const auto text = read_text_file(path_);
    return text && sha256_text(*text) == digest;
}

Result<void> ConfigFile::restore(const std::string& digest) const {
    std::error_code error;
    if (!is(digest) || !std::filesystem::exists(previous(), error)) return {};
    return rename_for_good(previous(), path_);
}

void ConfigFile::drop() const {
    ::unlink(staged().c_str());
}

}  // namespace ssi::cluster
