/// Two ends of a stream that check every byte in both directions at once.
///
///   stream_check serve SOCKET              offers itself there, until it is killed; gives a byte for each that it gets
///   stream_check exchange SOCKET BYTES     so many there and as many back; exit 1 and a reason if one is wrong
///   stream_check exchange SOCKET           the same until SIGTERM: then all that is under way is checked too.
///                                          Says "flows" when the first bytes are back

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <format>
#include <future>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kPart = 32 * 1024;

[[noreturn]] void broken(const std::string& what) {
    throw std::runtime_error(std::format("{}: {}", what, std::strerror(errno)));
}

/// The bytes of one direction: whatever of them is lost, repeated or exchanged, they no longer fit their place.
class Pattern {
  public:
    explicit Pattern(std::uint64_t seed) : seed_(seed) {}
    void fill(std::uint64_t offset, std::vector<std::uint8_t>& part) const {
        for (std::size_t i = 0; i < part.size(); ++i) part[i] = at(offset + i);
    }

  private:
    [[nodiscard]] std::uint8_t at(std::uint64_t offset) const {
        const auto mixed = (offset / 8 + seed_) * 0x9e3779b97f4a7c15;
        return static_cast<std::uint8_t>((mixed ^ mixed >> 29) >> (offset % 8 * 8));
    }
    std::uint64_t seed_;
};

void send_all(int socket, const void* data, std::size_t size) {
    for (const auto* byte = static_cast<const char*>(data); size > 0;) {
        const auto count = ::send(socket, byte, size, MSG_NOSIGNAL);
        if (count < 0) broken("send");
        byte += count;
        size -= static_cast<std::size_t>(count);
    }
}

/// Whatever is there, up to the size of the part, which is cut to that; empty at the end.
void receive(int socket, std::vector<std::uint8_t>& part) {
    part.resize(kPart);
    const auto count = ::recv(socket, part.data(), part.size(), 0);
    if (count < 0) broken("receive");
    part.resize(static_cast<std::size_t>(count));
}

/// Which of the two directions a pattern is of.
constexpr std::uint64_t kThere = 1;
constexpr std::uint64_t kBack = 2;

void check(const std::vector<std::uint8_t>& part, std::uint64_t seed, std::uint64_t offset) {
    std::vector<std::uint8_t> wanted(part.size());
    Pattern(seed).fill(offset, wanted);
    if (const auto [wrong, right] = std::ranges::mismatch(part, wanted); wrong != part.end())
        throw std::runtime_error(
            std::format("byte {} is wrong", offset + static_cast<std::uint64_t>(wrong - part.begin())));
}

std::atomic<bool> enough = false;  // SIGTERM came

/// Returns how many it sent: `size`, or fewer if SIGTERM came.
std::uint64_t send_pattern(int socket, std::uint64_t size) {
    std::vector<std::uint8_t> part;
    std::uint64_t offset = 0;
    for (; offset < size && !enough; offset += part.size()) {
        part.resize(std::min<std::uint64_t>(kPart, size - offset));
        Pattern(kThere).fill(offset, part);
        send_all(socket, part.data(), part.size());
    }
    ::shutdown(socket, SHUT_WR);
    return offset;
}

/// Returns how many came until the end of the stream.
std::uint64_t check_pattern(int socket) {
    std::vector<std::uint8_t> part;
    std::uint64_t offset = 0;
    for (receive(socket, part); !part.empty(); receive(socket, part)) {
        check(part, kBack, offset);
        if (offset == 0) std::puts("flows");
        offset += part.size();
    }
    return offset;
}

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    return address;
}

void serve_one(int socket) {
    try {
        std::vector<std::uint8_t> part;
        std::uint64_t offset = 0;
        for (receive(socket, part); !part.empty(); receive(socket, part)) {
            check(part, kThere, offset);
            Pattern(kBack).fill(offset, part);
            send_all(socket, part.data(), part.size());
            offset += part.size();
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "stream_check serve: %s\n", error.what());
    }
    ::close(socket);
}

void serve(const std::string& path) {
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    // Bound beside its place and moved there: it is offered as soon as it is seen.
    const auto incomplete = path.substr(0, path.rfind('/') + 1) + "..incomplete";
    const auto address = address_of(incomplete);
    if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) broken(incomplete);
    if (::listen(listener, 16) != 0) broken("listen");
    if (std::rename(incomplete.c_str(), path.c_str()) != 0) broken(path);
    for (;;) {
        const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (socket < 0) broken("accept");
        std::thread(serve_one, socket).detach();
    }
}

void call(const std::string& path, std::uint64_t size) {
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = address_of(path);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) broken(path);
    const auto begun = std::chrono::steady_clock::now();
    // Both directions at once.
    auto sent = std::async(std::launch::async, send_pattern, socket, size);
    std::uint64_t received = 0;
    try {
        received = check_pattern(socket);
    } catch (...) {
        ::shutdown(socket, SHUT_RDWR);  // The sender would wait for ever for somebody who reads.
        throw;
    }
    if (const auto there = sent.get(); there != received)
        throw std::runtime_error(std::format("{} bytes there, {} back", there, received));
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
    std::printf("%llu bytes there and back in %.1f s\n", static_cast<unsigned long long>(received), taken.count());
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string_view> arguments(argv, argv + argc);
    try {
        std::setvbuf(stdout, nullptr, _IOLBF, 0);
        std::uint64_t size = 0;
        if (argc == 3 && arguments[1] == "serve") {
            serve(argv[2]);
        } else if (argc == 3 && arguments[1] == "exchange") {
            std::signal(SIGTERM, [](int) { enough = true; });
            call(argv[2], std::numeric_limits<std::uint64_t>::max());
        } else if (argc == 4 && arguments[1] == "exchange" &&
                   std::from_chars(arguments[3].data(), arguments[3].data() + arguments[3].size(), size).ec ==
                       std::errc()) {
            call(argv[2], size);
        } else {
            std::fprintf(stderr, "usage: stream_check serve SOCKET | exchange SOCKET [BYTES]\n");
            return 2;
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "stream_check: %s\n", error.what());
        return 1;
    }
    return 0;
}
