#include "daemons/isfcd/driver/sysfs.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

namespace ssi::isfc {
namespace fs = std::filesystem;

bool Sysfs::exists(const fs::path& path) const {
    std::error_code ignored;
    return fs::exists(root_ / path, ignored);
}

std::optional<std::string> Sysfs::read(const fs::path& path) const {
    std::ifstream file(root_ / path);
    std::string line;
    if (!std::getline(file, line)) return std::nullopt;
    return line;
}

std::optional<std::string> Sysfs::link_name(const fs::path& path) const {
    std::error_code error;
    const auto target = fs::read_symlink(root_ / path, error);
    if (error) return std::nullopt;
    return target.filename().string();
}

std::vector<std::string> Sysfs::list(const fs::path& path) const {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator entry(root_ / path, error), end; !error && entry != end; entry.increment(error))
        names.push_back(entry->path().filename().string());
    return names;
}

int Sysfs::write(const fs::path& path, std::string_view text) {
    const int file = ::open((root_ / path).c_str(), O_WRONLY | O_CLOEXEC);
    if (file < 0) return errno;
    // The kernel takes an attribute in one piece or not at all.
    const int result = ::write(file, text.data(), text.size()) < 0 ? errno : 0;
    ::close(file);
    return result;
}

}  // namespace ssi::isfc
