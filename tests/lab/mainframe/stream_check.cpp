/// Two ends of a stream that check every byte in both directions at once.
///
///   stream_check serve SOCKET              offers itself there, until it is killed
///   stream_check exchange SOCKET BYTES     so many there and as many back; exit 1 and a reason if one is wrong

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <format>
#include <future>
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

void receive_all(int socket, void* data, std::size_t size) {
    const auto count = ::recv(socket, data, size, MSG_WAITALL);
    if (count < 0) broken("receive");
    if (static_cast<std::size_t>(count) != size) throw std::runtime_error("the stream ended early");
}

void send_pattern(int socket, std::uint64_t size, std::uint64_t seed) {
    std::vector<std::uint8_t> part;
    for (std::uint64_t offset = 0; offset < size; offset += part.size()) {
        part.resize(std::min<std::uint64_t>(kPart, size - offset));
        Pattern(seed).fill(offset, part);
        send_all(socket, part.data(), part.size());
    }
    ::shutdown(socket, SHUT_WR);
}

void check_pattern(int socket, std::uint64_t size, std::uint64_t seed) {
    std::vector<std::uint8_t> part;
    std::vector<std::uint8_t> wanted;
    for (std::uint64_t offset = 0; offset < size; offset += part.size()) {
        part.resize(std::min<std::uint64_t>(kPart, size - offset));
        wanted.resize(part.size());
        receive_all(socket, part.data(), part.size());
        Pattern(seed).fill(offset, wanted);
        if (const auto [wrong, right] = std::ranges::mismatch(part, wanted); wrong != part.end())
            throw std::runtime_error(
                std::format("byte {} is wrong", offset + static_cast<std::uint64_t>(wrong - part.begin())));
    }
    char byte = 0;
    const auto rest = ::recv(socket, &byte, 1, 0);
    if (rest < 0) broken("end of file");
    if (rest > 0) throw std::runtime_error("more bytes than were sent");
}

/// Both directions at once.
void exchange(int socket, std::uint64_t size, std::uint64_t seed_out, std::uint64_t seed_in) {
    auto sent = std::async(std::launch::async, [=] { send_pattern(socket, size, seed_out); });
    check_pattern(socket, size, seed_in);
    sent.get();
}

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    return address;
}

/// The other side says first how many bytes.
void serve_one(int socket) {
    try {
        std::array<std::uint8_t, 8> head{};
        receive_all(socket, head.data(), head.size());
        std::uint64_t size = 0;
        for (const auto byte : head) size = size << 8 | byte;
        exchange(socket, size, 2, 1);
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
    std::array<std::uint8_t, 8> head{};
    for (std::size_t i = 0; i < head.size(); ++i) head[i] = static_cast<std::uint8_t>(size >> (56 - 8 * i));
    send_all(socket, head.data(), head.size());
    exchange(socket, size, 1, 2);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
    std::printf("%llu bytes there and back in %.1f s\n", static_cast<unsigned long long>(size), taken.count());
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string_view> arguments(argv, argv + argc);
    try {
        std::uint64_t size = 0;
        if (argc == 3 && arguments[1] == "serve") {
            serve(argv[2]);
        } else if (argc == 4 && arguments[1] == "exchange" &&
                   std::from_chars(arguments[3].data(), arguments[3].data() + arguments[3].size(), size).ec ==
                       std::errc()) {
            call(argv[2], size);
        } else {
            std::fprintf(stderr, "usage: stream_check serve SOCKET | exchange SOCKET BYTES\n");
            return 2;
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "stream_check: %s\n", error.what());
        return 1;
    }
    return 0;
}
