#include "daemons/ssid/configuration/file_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "lib/common/no_throw.hpp"

namespace ssi::cluster {

namespace asio = boost::asio;

Result<FileWatch> FileWatch::open(const asio::any_io_executor& executor, const std::filesystem::path& file) {
    const int descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (descriptor < 0) return system_failure("inotify_init1", file.string(), errno);
    asio::posix::stream_descriptor events(executor, descriptor);
    constexpr auto kChanges = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;
    if (::inotify_add_watch(descriptor, file.parent_path().c_str(), kChanges) < 0)
        return system_failure("cannot watch " + file.parent_path().string(), file.string(), errno);
    return FileWatch(std::move(events), file.filename().string());
}

namespace {

/// One of the events in the buffer is of the file of this name; after an overflow any may have been.
bool is_about(std::string_view events, std::string_view name) {
    while (events.size() >= sizeof(inotify_event)) {
        inotify_event event{};
        std::memcpy(&event, events.data(), sizeof event);
        events.remove_prefix(sizeof event);
        const auto padded = events.substr(0, event.len);
        if ((event.mask & IN_Q_OVERFLOW) != 0 || padded.substr(0, padded.find('\0')) == name) return true;
        events.remove_prefix(padded.size());
    }
    return false;
}

}  // namespace

asio::awaitable<Result<void>> FileWatch::next() {
    std::array<char, 4096> buffer{};  // at least one event of the longest name
    while (true) {
        const auto [error, size] = co_await events_.async_read_some(asio::buffer(buffer), kNoThrow);
        if (error) co_return system_failure("cannot read inotify's events", name_, error.value());
        if (is_about({buffer.data(), size}, name_)) co_return Result<void>{};
    }
}

}  // namespace ssi::cluster
