#include "lib/common/durable_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <format>
#include <utility>

namespace ssi {
namespace {

class Descriptor {
  public:
    explicit Descriptor(int number) : number_(number) {}
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return number_; }
    [[nodiscard]] bool valid() const { return number_ >= 0; }

  private:
    int number_;
};

std::unexpected<Error> failed(std::string_view what, const std::filesystem::path& file) {
    const int error_number = errno;
    return system_failure(std::format("cannot {} {}", what, file.native()), file.native(), error_number);
}

Result<void> write_all(int descriptor, std::string_view text, const std::filesystem::path& file) {
    while (!text.empty()) {
        const auto written = ::write(descriptor, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return failed("write", file);
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

}  // namespace

Result<void> write_durably(const std::filesystem::path& file, std::string_view text, mode_t mode) {
    auto partial = file;
    partial += ".new";
    {
        const Descriptor descriptor(::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (!descriptor.valid()) return failed("create", partial);
        if (auto written = write_all(descriptor.get(), text, partial); !written) return written;
        if (::fchmod(descriptor.get(), mode) != 0) return failed("set the mode of", partial);
        if (::fsync(descriptor.get()) != 0) return failed("sync", partial);
    }
    return rename_durably(partial, file);
}

Result<void> rename_durably(const std::filesystem::path& from, const std::filesystem::path& to) {
    if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename to", to);
    // Without this the name, new or replaced, may be gone after a power cut.
    const Descriptor directory(::open(to.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory.valid()) return failed("open", to.parent_path());
    if (::fsync(directory.get()) != 0) return failed("sync", to.parent_path());
    return {};
}

Result<void> overwrite_durably(const std::filesystem::path& file, std::uint64_t offset, std::string_view text) {
    const Descriptor descriptor(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    if (!descriptor.valid()) return failed("open", file);
    if (::lseek(descriptor.get(), static_cast<off_t>(offset), SEEK_SET) < 0) return failed("write", file);
    if (auto written = write_all(descriptor.get(), text, file); !written) return written;
    if (::fsync(descriptor.get()) != 0) return failed("sync", file);
    return {};
}

Result<std::optional<std::string>> read_if_exists(const std::filesystem::path& file) {
    const Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!descriptor.valid() && errno == ENOENT) return std::nullopt;
    if (!descriptor.valid()) return failed("open", file);
    std::string text;
    char chunk[65536];
    for (;;) {
        const auto size = ::read(descriptor.get(), chunk, sizeof chunk);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return failed("read", file);
        if (size == 0) return text;
        text.append(chunk, static_cast<std::size_t>(size));
    }
}

}  // namespace ssi
