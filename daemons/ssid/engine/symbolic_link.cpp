#include "daemons/ssid/engine/symbolic_link.hpp"

#include <system_error>

namespace ssi::cluster {

namespace fs = std::filesystem;

Result<void> link_to(const fs::path& target, const fs::path& name) {
    std::error_code error;
    if (fs::read_symlink(name, error) == target) return {};
    const auto fresh = name.native() + ".new";
    fs::remove(fresh, error);
    fs::create_symlink(target, fresh, error);
    if (error) return file_failure("make the link", fresh, error);
    fs::rename(fresh, name, error);
    if (error) return file_failure("make the link", name, error);
    return {};
}

}  // namespace ssi::cluster
