#pragma once
/// What a channel's frames travel on: a TCP connection with TLS 1.3 and certificates of the cluster's authority, or,
/// where the configuration says so, without. The only file that knows OpenSSL here is transport.cpp.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "daemons/isfcd/wire/frame.hpp"
#include "lib/common/bytes.hpp"
#include "lib/common/error.hpp"
#include "lib/common/names.hpp"
#include "lib/common/pki/certificate_facts.hpp"

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

/// A connection. Single-threaded; at most one handshake, or one reader and one writer, at a time. The process must
/// ignore SIGPIPE.
class Transport {
  public:
    /// Encrypted.
    Transport(boost::asio::ip::tcp::socket socket, const TlsIdentity& identity, TlsRole role);
    /// In the clear, and without proof of who the peer is.
    explicit Transport(boost::asio::ip::tcp::socket socket);

    /// Error: kCertificateInvalid when one side does not accept the other's certificate, else kChannelFailed. Nothing
    /// to do in the clear.
    boost::asio::awaitable<Result<void>> handshake();

    /// Puts what is there into `into` (not empty); 0: nothing now, wait_readable(). Error kChannelFailed, also at the
    /// end of the connection.
    [[nodiscard]] Result<std::size_t> try_read(std::span<std::byte> into);
    /// Takes the whole frame, or nothing (false): wait_writable(), and call again with the same frame. Error:
    /// kChannelFailed.
    [[nodiscard]] Result<bool> try_write(const OutFrame& frame);
    boost::asio::awaitable<Result<void>> wait_readable();
    boost::asio::awaitable<Result<void>> wait_writable();
    /// Ends pending operations with an error.
    void close();

    [[nodiscard]] bool is_encrypted() const { return ssl_ != nullptr; }
    /// What the peer's certificate says; after the handshake it is proved. Error: kCertificateInvalid, also in the
    /// clear.
    [[nodiscard]] Result<pki::CertificateFacts> peer() const;
    [[nodiscard]] boost::asio::ip::tcp::socket& socket() { return socket_; }

  private:
    enum class Progress { kDone, kWantsRead, kWantsWrite };
    /// What the result of an OpenSSL call means.
    Result<Progress> judge(int result, std::string_view what);
    Result<bool> write_clear(const OutFrame& frame);
    Result<bool> write_record(ByteView record);

    boost::asio::ip::tcp::socket socket_;
    std::shared_ptr<ssl_st> ssl_;
    std::size_t sent_of_frame_ = 0;  // in the clear a frame may leave in parts
    std::uint64_t records_ = 0;      // since the last change of keys
};

}  // namespace ssi::isfc
