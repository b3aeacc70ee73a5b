#include "daemons/isfcd/channel/tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <format>
#include <utility>

namespace ssi::isfc {
namespace asio = boost::asio;
namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

std::string openssl_text() {
    const auto code = ERR_peek_last_error();
    const char* reason = ERR_reason_error_string(code);
    std::string text = reason != nullptr ? reason : std::format("OpenSSL error {:#x}", code);
    ERR_clear_error();
    return text;
}

std::unexpected<Error> unusable(const std::filesystem::path& file) {
    return failure(ErrorCode::kCertificateInvalid, std::format("cannot use {}: {}", file.string(), openssl_text()),
                   file.string(), "make it anew with ssictl ca issue");
}

std::string name_entry(const X509_NAME* name, int nid) {
    const int index = X509_NAME_get_index_by_NID(name, nid, -1);
    if (index < 0) return {};
    const ASN1_STRING* value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index));
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
            static_cast<std::size_t>(ASN1_STRING_length(value))};
}

}  // namespace

Result<TlsIdentity> TlsIdentity::load(const std::filesystem::path& directory, const MemberName& member) {
    TlsIdentity identity;
    identity.context_ = std::shared_ptr<SSL_CTX>(SSL_CTX_new(TLS_method()), SSL_CTX_free);
    SSL_CTX* context = identity.context_.get();
    if (context == nullptr) return failure(ErrorCode::kSystemFailed, openssl_text());
    const auto authority = directory / "ca.crt";
    const auto certificate = directory / (member.str() + ".crt");
    const auto key = directory / (member.str() + ".key");
    for (const auto& file : {authority, certificate, key}) {
        std::error_code status;
        if (!std::filesystem::exists(file, status))
            return failure(ErrorCode::kConfigMissing, std::format("cannot find {}", file.string()), file.string(),
                           std::format("make it with ssictl ca issue {} and copy it here", member.str()));
    }
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION);
    // The cheapest cipher with hardware support first; all three are good for every purpose here.
    SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, 64 * 1024);
    if (SSL_CTX_load_verify_locations(context, authority.c_str(), nullptr) != 1) return unusable(authority);
    if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) return unusable(certificate);
    if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) return unusable(key);
    return identity;
}

TlsStream::TlsStream(asio::ip::tcp::socket socket, const TlsIdentity& identity, TlsRole role)
    : socket_(std::move(socket)), identity_(identity), ssl_(SSL_new(identity.context()), SSL_free) {
    socket_.native_non_blocking(true);
    SSL_set_fd(ssl_.get(), socket_.native_handle());
    if (role == TlsRole::kConnects)
        SSL_set_connect_state(ssl_.get());
    else
        SSL_set_accept_state(ssl_.get());
}

/// Looks at the result of an OpenSSL call: done, or waits for the socket and says retry.
asio::awaitable<Result<TlsStream::Step>> TlsStream::after(int result, std::string_view what) {
    const int system_error = errno;
    if (result > 0) co_return Step::kDone;
    const int reason = SSL_get_error(ssl_.get(), result);
    if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) {
        const auto direction =
            reason == SSL_ERROR_WANT_READ ? asio::socket_base::wait_read : asio::socket_base::wait_write;
        const auto [error] = co_await socket_.async_wait(direction, kTuple);
        if (error) co_return failure(ErrorCode::kChannelFailed, std::format("{}: {}", what, error.message()));
        co_return Step::kRetry;
    }
    if (reason == SSL_ERROR_ZERO_RETURN || (reason == SSL_ERROR_SYSCALL && system_error == 0))
        co_return failure(ErrorCode::kChannelFailed, "the peer closed the connection");
    if (reason == SSL_ERROR_SYSCALL)
        co_return failure(ErrorCode::kChannelFailed, std::format("{}: {}", what, std::strerror(system_error)));
    if (const long verified = SSL_get_verify_result(ssl_.get()); verified != X509_V_OK)
        co_return failure(
            ErrorCode::kCertificateInvalid,
            std::format("the peer's certificate is not accepted: {}", X509_verify_cert_error_string(verified)), "",
            "its certificate must come from this cluster's ssictl ca issue");
    const auto code = ERR_peek_last_error();
    const bool alert = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) >= SSL_AD_REASON_OFFSET;
    const bool closed = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    auto text = openssl_text();
    if (closed) co_return failure(ErrorCode::kChannelFailed, "the peer closed the connection");
    if (alert)
        co_return failure(ErrorCode::kCertificateInvalid, std::format("the peer refuses the connection: {}", text), "",
                          "check that both certificates come from this cluster's ssictl ca issue");
    co_return failure(ErrorCode::kChannelFailed, std::format("{}: {}", what, text));
}

asio::awaitable<Result<void>> TlsStream::handshake() {
    for (;;) {
        ERR_clear_error();
        errno = 0;
        const auto step = co_await after(SSL_do_handshake(ssl_.get()), "TLS handshake");
        if (!step) co_return std::unexpected(step.error());
        if (*step == Step::kDone) co_return Result<void>();
    }
}

asio::awaitable<Result<std::size_t>> TlsStream::read_some(std::span<std::byte> into) {
    std::size_t filled = 0;
    while (filled < into.size()) {  // a record holds at most 16 KiB: take all that have arrived
        std::size_t count = 0;
        ERR_clear_error();
        errno = 0;
        const int result = SSL_read_ex(ssl_.get(), into.data() + filled, into.size() - filled, &count);
        filled += count;
        if (result == 1) continue;
        if (filled > 0) break;  // an error shows again at the next call
        const auto step = co_await after(result, "read");
        if (!step) co_return std::unexpected(step.error());
    }
    co_return filled;
}

asio::awaitable<Result<std::size_t>> TlsStream::write_some(ByteView from) {
    for (;;) {
        std::size_t count = 0;
        ERR_clear_error();
        errno = 0;
        const int result = SSL_write_ex(ssl_.get(), from.data(), from.size(), &count);
        const auto step = co_await after(result, "write");
        if (!step) co_return std::unexpected(step.error());
        if (*step == Step::kDone) co_return count;
    }
}

void TlsStream::close() {
    boost::system::error_code ignored;  // nothing can be done about a failed close
    socket_.close(ignored);
}

Result<PeerIdentity> TlsStream::peer() const {
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl_.get()), X509_free);
    if (certificate == nullptr) return failure(ErrorCode::kCertificateInvalid, "the peer showed no certificate");
    const auto* subject = X509_get_subject_name(certificate.get());
    return PeerIdentity{name_entry(subject, NID_commonName), name_entry(subject, NID_organizationName)};
}

}  // namespace ssi::isfc
