#include "daemons/ssid/guests/saved_image.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <format>

namespace ssi::cluster {

Result<std::string> saved_image(const std::filesystem::path& folder, const GuestName& guest) {
    const auto file = folder / (guest.str() + ".save");
    struct stat found{};
    if (::stat(file.c_str(), &found) == 0)
        return std::format("{}:{}.{:09}:{}", found.st_ino, found.st_mtim.tv_sec, found.st_mtim.tv_nsec, found.st_size);
    const int error = errno;
    // In a folder that is not mounted yet nothing is found either.
    if (error == ENOENT && ::stat(folder.c_str(), &found) == 0 && S_ISDIR(found.st_mode)) return "";
    return system_failure("cannot look for a managed save image", file.string(), error);
}

}  // namespace ssi::cluster
