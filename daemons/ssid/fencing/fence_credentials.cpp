#include "daemons/ssid/fencing/fence_credentials.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <format>
#include <string_view>

#include "lib/common/plain_text.hpp"

namespace ssi::cluster {
namespace {

constexpr std::size_t kLongest = 64 * 1024;

std::unexpected<Error> unsafe(const std::filesystem::path& file, std::string_view why, std::string remedy) {
    return failure(ErrorCode::kCredentialsUnsafe,
                   std::format("the credentials in {} are not used: {}", file.string(), why), file.string(),
                   std::move(remedy));
}

class OpenFile {
  public:
    explicit OpenFile(const std::filesystem::path& path)
        : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;
    ~OpenFile() {
        if (number_ >= 0) ::close(number_);
    }
    [[nodiscard]] int get() const { return number_; }

  private:
    int number_;
};

/// Of the file that is open, so that none can be put in its place afterwards.
Result<void> check(const OpenFile& file, const std::filesystem::path& path, const CredentialsRule& rule) {
    struct stat status{};
    if (::fstat(file.get(), &status) != 0) return system_failure("cannot look at", path.string(), errno);
    if (!S_ISREG(status.st_mode)) return unsafe(path, "it is no regular file", "write key=value lines into a file");
    if (status.st_uid != rule.owner)
        return unsafe(path, std::format("it belongs to user {}", status.st_uid), "chown root " + path.string());
    if ((status.st_mode & 0077) != 0)
        return unsafe(path, std::format("its mode is {:04o}: others may read or write it", status.st_mode & 07777U),
                      "chmod 0600 " + path.string());
    return {};
}

Result<std::string> content_of(const OpenFile& file, const std::filesystem::path& path) {
    std::string text;
    std::array<char, 4096> part{};
    while (true) {
        const auto size = ::read(file.get(), part.data(), part.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return system_failure("cannot read", path.string(), errno);
        if (size == 0) return text;
        text.append(part.data(), static_cast<std::size_t>(size));
        if (text.size() > kLongest) return unsafe(path, "it is too long", "write key=value lines");
    }
}

bool is_key(std::string_view key) {
    return !key.empty() && std::ranges::all_of(key, [](unsigned char letter) {
        return std::isalnum(letter) != 0 || letter == '_' || letter == '-';
    });
}

}  // namespace

Result<std::map<std::string, std::string>> read_fence_credentials(const std::filesystem::path& file,
                                                                  const CredentialsRule& rule) {
    const OpenFile open_file(file);
    if (open_file.get() < 0)
        return failure(ErrorCode::kConfigMissing, std::format("cannot read the credentials in {}", file.string()),
                       file.string(), "write key=value lines into it, and chmod 0600");
    if (auto checked = check(open_file, file, rule); !checked) return std::unexpected(checked.error());
    const auto text = content_of(open_file, file);
    if (!text) return std::unexpected(text.error());
    std::map<std::string, std::string> options;
    int number = 0;
    for (std::string_view rest = *text; !rest.empty();) {
        ++number;
        const auto end = std::min(rest.find('\n'), rest.size());
        const auto line = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (line.find_first_not_of(" \t\r") == std::string_view::npos || line.front() == '#') continue;
        const auto mark = line.find('=');
        const auto key = line.substr(0, mark);
        if (mark == std::string_view::npos || !is_key(key) || !is_plain_text(line.substr(mark + 1)))
            return unsafe(file, std::format("line {} is not key=value", number), "write one key=value a line");
        if (key == "action" || key == "plug")
            return unsafe(file, std::format("line {} sets '{}', which is ssid's to say", number, key), "take it out");
        options[std::string(key)] = line.substr(mark + 1);
    }
    return options;
}

}  // namespace ssi::cluster
