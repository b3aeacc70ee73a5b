#pragma once
/// What a load is put on: a connected stream of bytes, plain or through TLS 1.3, and where it leads.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace ssi::bench {

/// A connected stream; blocking. Every failure is a std::runtime_error. One thread reads, one may write meanwhile, but
/// not over TLS.
class ByteStream {
  public:
    ByteStream() = default;
    ByteStream(const ByteStream&) = delete;
    ByteStream& operator=(const ByteStream&) = delete;
    virtual ~ByteStream() = default;

    /// At least one byte, or 0 at the end of file.
    [[nodiscard]] virtual std::size_t read(std::span<std::byte> into) = 0;
    /// All of them.
    virtual void write(std::span<const std::byte> bytes) = 0;
    /// The other end sees the end of file.
    virtual void finish() = 0;
};

/// `unix:PATH`, `tcp:ADDRESS:PORT`, `mptcp:ADDRESS:PORT` or `tls:ADDRESS:PORT`, IPv4.
struct Endpoint {
    enum class Kind { kUnix, kTcp, kMptcp, kTls };

    Kind kind = Kind::kUnix;
    std::string place;  ///< Path or address.
    std::uint16_t port = 0;

    /// Throws std::runtime_error when it is none.
    [[nodiscard]] static Endpoint parse(const std::string& text);
};

/// Who we are in TLS: ca.crt, MEMBER.crt and MEMBER.key in a directory. Not used by other kinds.
struct Identity {
    std::filesystem::path directory;
    std::string member;
};

[[nodiscard]] std::unique_ptr<ByteStream> connect(const Endpoint& endpoint, const Identity& identity);

/// A listening socket.
class Listener {
  public:
    explicit Listener(const Endpoint& endpoint);
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener();

    [[nodiscard]] std::unique_ptr<ByteStream> accept(const Identity& identity);

  private:
    Endpoint endpoint_;
    int fd_;
};

}  // namespace ssi::bench
