#include "tests/bench/isfc_load/byte_stream.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <format>
#include <stdexcept>

#include "tests/bench/isfc_load/tls_stream.hpp"

namespace ssi::bench {
namespace {

[[noreturn]] void broken(std::string_view what) {
    throw std::runtime_error(std::format("{}: {}", what, std::strerror(errno)));
}

class PlainStream : public ByteStream {
  public:
    explicit PlainStream(int fd) : fd_(fd) {}
    ~PlainStream() override { ::close(fd_); }

    std::size_t read(std::span<std::byte> into) override {
        const auto count = ::recv(fd_, into.data(), into.size(), 0);
        if (count < 0) broken("read");
        return static_cast<std::size_t>(count);
    }
    void write(std::span<const std::byte> bytes) override {
        while (!bytes.empty()) {
            const auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (count < 0) broken("write");
            bytes = bytes.subspan(static_cast<std::size_t>(count));
        }
    }
    void finish() override {
        if (::shutdown(fd_, SHUT_WR) != 0) broken("shutdown");
    }

  private:
    int fd_;
};

/// An address as the socket calls want it.
struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;

    explicit Address(const Endpoint& endpoint) {
        if (endpoint.kind == Endpoint::Kind::kUnix) {
            auto& address = reinterpret_cast<sockaddr_un&>(storage);
            address.sun_family = AF_UNIX;
            if (endpoint.place.size() >= sizeof address.sun_path) throw std::runtime_error("the path is too long");
            std::strcpy(address.sun_path, endpoint.place.c_str());
            size = sizeof address;
            return;
        }
        auto& address = reinterpret_cast<sockaddr_in&>(storage);
        address.sin_family = AF_INET;
        address.sin_port = htons(endpoint.port);
        if (::inet_pton(AF_INET, endpoint.place.c_str(), &address.sin_addr) != 1)
            throw std::runtime_error(std::format("'{}' is no IPv4 address", endpoint.place));
        size = sizeof address;
    }
    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

int open_socket(Endpoint::Kind kind) {
    const int protocol = kind == Endpoint::Kind::kMptcp ? IPPROTO_MPTCP : 0;
    const int family = kind == Endpoint::Kind::kUnix ? AF_UNIX : AF_INET;
    const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, protocol);
    if (fd < 0) broken("socket");
    return fd;
}

/// Small messages leave at once; large writes are not changed by it.
void set_no_delay(int fd, Endpoint::Kind kind) {
    const int on = 1;
    if (kind != Endpoint::Kind::kUnix && ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        broken("TCP_NODELAY");
}

std::unique_ptr<ByteStream> stream_on(int fd, Endpoint::Kind kind, TlsRole role, const Identity& identity) {
    set_no_delay(fd, kind);
    if (kind == Endpoint::Kind::kTls) return make_tls_stream(fd, role, identity);
    return std::make_unique<PlainStream>(fd);
}

}  // namespace

Endpoint Endpoint::parse(const std::string& text) {
    const auto colon = text.find(':');
    const auto kind = text.substr(0, colon);
    const auto rest = colon == std::string::npos ? std::string() : text.substr(colon + 1);
    if (kind == "unix" && !rest.empty()) return {Kind::kUnix, rest, 0};
    const auto port = rest.rfind(':');
    if ((kind != "tcp" && kind != "mptcp" && kind != "tls") || port == std::string::npos)
        throw std::runtime_error(std::format("'{}' is no endpoint", text));
    return {kind == "tcp"     ? Kind::kTcp
            : kind == "mptcp" ? Kind::kMptcp
                              : Kind::kTls,
            rest.substr(0, port), static_cast<std::uint16_t>(std::stoul(rest.substr(port + 1)))};
}

std::unique_ptr<ByteStream> connect(const Endpoint& endpoint, const Identity& identity) {
    const int fd = open_socket(endpoint.kind);
    const Address address(endpoint);
    if (::connect(fd, address.get(), address.size) != 0) broken(std::format("connect to {}", endpoint.place));
    return stream_on(fd, endpoint.kind, TlsRole::kConnects, identity);
}

Listener::Listener(const Endpoint& endpoint) : endpoint_(endpoint), fd_(open_socket(endpoint.kind)) {
    const int on = 1;
    ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (endpoint.kind == Endpoint::Kind::kUnix) ::unlink(endpoint.place.c_str());
    const Address address(endpoint);
    if (::bind(fd_, address.get(), address.size) != 0) broken(std::format("bind to {}", endpoint.place));
    if (::listen(fd_, SOMAXCONN) != 0) broken("listen");
}

Listener::~Listener() {
    ::close(fd_);
    if (endpoint_.kind == Endpoint::Kind::kUnix) ::unlink(endpoint_.place.c_str());
}

std::unique_ptr<ByteStream> Listener::accept(const Identity& identity) {
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) broken("accept");
    return stream_on(fd, endpoint_.kind, TlsRole::kAccepts, identity);
}

}  // namespace ssi::bench
