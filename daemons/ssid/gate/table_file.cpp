#include "daemons/ssid/gate/table_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <string>

namespace ssi::gate {
namespace {

constexpr std::size_t kFileLimit = 64 << 20;

Result<void> write_whole(const std::string& path, const std::string& text) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return system_failure("cannot write", path, errno);
    for (std::size_t done = 0; done < text.size();) {
        const auto size = ::write(fd, text.data() + done, text.size() - done);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) {
            const int error = errno;
            ::close(fd);
            return system_failure("cannot write", path, error);
        }
        done += static_cast<std::size_t>(size);
    }
    if (::close(fd) != 0) return system_failure("cannot write", path, errno);
    return {};
}

}  // namespace

Result<void> replace_file(const std::filesystem::path& path, const std::string& text) {
    const auto fresh = path.string() + ".new";
    if (auto written = write_whole(fresh, text); !written) return written;
    if (::rename(fresh.c_str(), path.c_str()) != 0) return system_failure("cannot replace", path.string(), errno);
    return {};
}

Result<void> TableFile::save(const RightTable& table) const {
    return replace_file(path_, boost::json::serialize(table.to_json()));
}

Result<RightTable> TableFile::load() const {
    std::error_code error;
    if (!std::filesystem::exists(path_, error) && !error) return RightTable{};
    std::ifstream file(path_, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (!file) return failure(ErrorCode::kSystemFailed, "cannot read the table of rights", path_.string());
    const auto object = json::parse(text, path_.string(), kFileLimit);
    if (!object) return std::unexpected(object.error());
    return RightTable::from_json(*object);
}

}  // namespace ssi::gate
