// ssi-hook: libvirt's qemu hook. Asks ssid whether a guest may start, and tells it what libvirt does (README.md).

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <expected>
#include <format>
#include <string>
#include <string_view>

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Text = std::expected<std::string, std::string>;  ///< Or why not.

constexpr std::size_t kXmlLimit = 4 << 20;
constexpr std::size_t kAnswerLimit = 64 << 10;

/// Time that libvirt is made to wait at most (SAFETY 21).
std::chrono::milliseconds time_limit() {
    const auto parse = [](std::string_view text) {
        int number = 0;
        std::from_chars(text.data(), text.data() + text.size(), number);
        return std::chrono::milliseconds(number);
    };
    std::chrono::milliseconds limit{0};
    if (const char* wanted = std::getenv("SSI_HOOK_TIMEOUT_MS"); wanted != nullptr) limit = parse(wanted);
    if (limit <= 0ms) {
        char text[32] = {};
        const int fd = ::open("/run/ssi/ssid/hook-timeout", O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && ::read(fd, text, sizeof text - 1) > 0) limit = parse(text);
        if (fd >= 0) ::close(fd);
    }
    return limit <= 0ms ? 1000ms : std::clamp<std::chrono::milliseconds>(limit, 50ms, 30s);
}

/// False when the time is up.
bool wait_for(int fd, short events, Clock::time_point deadline) {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        if (left <= 0ms) return false;
        pollfd state{fd, events, 0};
        const int ready = ::poll(&state, 1, static_cast<int>(left.count()));
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return false;
    }
}

Text read_all(int fd, std::size_t limit, char end, Clock::time_point deadline) {
    std::string text;
    char buffer[16384];
    while (wait_for(fd, POLLIN, deadline)) {
        const auto size = ::read(fd, buffer, sizeof buffer);
        if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (size < 0) return std::unexpected(std::strerror(errno));
        if (size == 0) return text;
        text.append(buffer, static_cast<std::size_t>(size));
        if (text.size() > limit) return std::unexpected(std::format("more than {} bytes", limit));
        if (end != '\0' && text.back() == end) return text;
    }
    return std::unexpected("no answer in time");
}

Text ask(const std::string& request, Clock::time_point deadline) {
    const char* other = std::getenv("SSI_HOOK_SOCKET");
    const std::string_view path = other != nullptr ? other : "/run/ssi/ssid/hook.sock";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return std::unexpected("the path of the socket is too long");
    path.copy(address.sun_path, path.size());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return std::unexpected(std::strerror(errno));
    for (std::size_t done = 0; done < request.size();) {
        if (!wait_for(fd, POLLOUT, deadline)) return std::unexpected("no answer in time");
        const auto size = ::send(fd, request.data() + done, request.size() - done, MSG_NOSIGNAL);
        if (size < 0 && errno != EINTR && errno != EAGAIN) return std::unexpected(std::strerror(errno));
        if (size > 0) done += static_cast<std::size_t>(size);
    }
    return read_all(fd, kAnswerLimit, '\n', deadline);  // the descriptor ends with the process
}

/// libvirt 11.3 takes a refused `restore` of its managed save image for a success: it deletes the image, and says that
/// the guest was started.
bool has_managed_save_image(std::string_view guest) {
    const char* other = std::getenv("SSI_HOOK_SAVED_IMAGES");
    const auto path = std::format("{}/{}.save", other != nullptr ? other : "/var/lib/libvirt/qemu/save", guest);
    return ::access(path.c_str(), F_OK) == 0;
}

/// Nothing if ssid allows it, else the line for the administrator.
std::string refusal(std::string_view guest, const Text& answer) {
    const auto silent = [&](std::string_view why) {
        return std::format(
            "SSI-2001 ssid does not answer on this member, so guest {} was not started: {} (try: systemctl status "
            "ssid)",
            guest, why);
    };
    if (!answer) return silent(answer.error());
    boost::system::error_code error;
    const auto value = boost::json::parse(*answer, error);
    const auto* object = error ? nullptr : value.if_object();
    const auto* allowed = object != nullptr ? object->if_contains("allowed") : nullptr;
    if (allowed == nullptr || !allowed->is_bool()) return silent("its answer was not understood");
    if (allowed->get_bool()) return {};
    const auto* message = object->if_contains("message");
    return message != nullptr && message->is_string() ? std::string(message->get_string())
                                                      : silent("it refused without a reason");
}

}  // namespace

int main(int argc, char** argv) {
    const auto argument = [&](int index) {
        return index < argc ? std::string_view(argv[index]) : std::string_view("-");
    };
    const auto guest = argument(1);
    const auto operation = argument(2);
    // A refused `reconnect` kills a running guest, and the end of a guest cannot be refused. What has begun was
    // allowed. Of a managed save image the `prepare` that follows is refused: it outlives that.
    const bool may_refuse =
        operation == "prepare" || operation == "migrate" || (operation == "restore" && !has_managed_save_image(guest));

    const auto deadline = Clock::now() + time_limit();
    const auto xml = read_all(STDIN_FILENO, kXmlLimit, '\0', deadline);
    const auto answer = xml ? ask(boost::json::serialize(boost::json::object{{"v", 1},
                                                                             {"guest", guest},
                                                                             {"operation", operation},
                                                                             {"suboperation", argument(3)},
                                                                             {"extra", argument(4)},
                                                                             {"xml", *xml}}) +
                                      '\n',
                                  deadline)
                            : Text(std::unexpected("the guest's XML could not be read: " + xml.error()));
    auto why_not = refusal(guest, answer);
    if (why_not.empty() || !may_refuse) return 0;
    std::ranges::replace_if(why_not, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    why_not += '\n';
    // Nowhere to report a failed write to; the exit status says the same.
    static_cast<void>(!::write(STDERR_FILENO, why_not.data(), why_not.size()));
    return 1;
}
