#include "daemons/ssid/membership/boot_file.hpp"

#include <cerrno>
#include <fstream>
#include <string>
#include <utility>

namespace ssi::cluster {

Result<std::optional<Incarnation>> BootFile::load() {
    std::error_code missing;
    if (!std::filesystem::exists(file_, missing)) return std::nullopt;
    std::ifstream stream(file_);
    std::uint64_t number = 0;
    // A record that cannot be read is no reason to believe in a fresh boot: guests may run here.
    if (!(stream >> number) || number == 0)
        return failure(ErrorCode::kSystemFailed, "the record of this boot's incarnation cannot be read", file_.string(),
                       "reboot this host");
    return Incarnation{number};
}

Result<void> BootFile::store(Incarnation incarnation) {
    const auto fresh = file_.string() + ".new";
    std::ofstream stream(fresh);
    stream << std::to_underlying(incarnation) << '\n';
    stream.close();
    if (!stream) return system_failure("cannot write " + fresh, fresh, errno);
    std::error_code error;
    std::filesystem::rename(fresh, file_, error);
    if (error) return system_failure("cannot rename " + fresh, file_.string(), error.value());
    return {};
}

Result<void> BootFile::clear() {
    std::error_code error;
    std::filesystem::remove(file_, error);
    if (error) return system_failure("cannot remove " + file_.string(), file_.string(), error.value());
    return {};
}

}  // namespace ssi::cluster
