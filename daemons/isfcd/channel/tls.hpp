#pragma once
/// TLS 1.3 with certificates of the cluster's authority on a TCP socket: the only file that knows OpenSSL here.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "daemons/isfcd/wire/bytes.hpp"
#include "lib/common/error.hpp"
#include "lib/common/names.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace ssi::isfc {

/// This member's certificate and key and the authority that its peers must have been certified by. Shared by all
/// channels.
class TlsIdentity {
  public:
    /// Reads ca.crt, MEMBER.crt and MEMBER.key. Errors: kConfigMissing, kCertificateInvalid.
    [[nodiscard]] static Result<TlsIdentity> load(const std::filesystem::path& directory, const MemberName& member);
    [[nodiscard]] ssl_ctx_st* context() const { return context_.get(); }

  private:
    std::shared_ptr<ssl_ctx_st> context_;
};

enum class TlsRole { kConnects, kListens };

/// Whom the peer's certificate names; only after the handshake, so it is certified.
struct PeerIdentity {
    std::string member;
    std::string cluster;
};

/// An encrypted connection. Single-threaded; at most one handshake, or one read and one write, at a time. The process
/// must ignore SIGPIPE.
class TlsStream {
  public:
    TlsStream(boost::asio::ip::tcp::socket socket, const TlsIdentity& identity, TlsRole role);

    /// Error: kCertificateInvalid when one side does not accept the other's certificate, else kChannelFailed.
    boost::asio::awaitable<Result<void>> handshake();
    /// Fills as much of `into` as is there, at least one byte. Error kChannelFailed, also at the end of the connection.
    boost::asio::awaitable<Result<std::size_t>> read_some(std::span<std::byte> into);
    /// Writes some of `from`, at least one byte.
    boost::asio::awaitable<Result<std::size_t>> write_some(ByteView from);
    /// Ends pending operations with an error.
    void close();

    [[nodiscard]] Result<PeerIdentity> peer() const;
    [[nodiscard]] boost::asio::ip::tcp::socket& socket() { return socket_; }

  private:
    enum class Step { kDone, kRetry };
    boost::asio::awaitable<Result<Step>> after(int result, std::string_view what);

    boost::asio::ip::tcp::socket socket_;
    TlsIdentity identity_;
    std::shared_ptr<ssl_st> ssl_;
};

}  // namespace ssi::isfc
