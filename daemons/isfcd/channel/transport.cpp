#include "daemons/isfcd/channel/transport.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <format>
#include <utility>

#include "lib/common/no_throw.hpp"

namespace ssi::isfc {
namespace asio = boost::asio;
namespace {

constexpr std::size_t kReadAhead = 64 * 1024;
constexpr std::size_t kRecord = 16 * 1024;
static_assert(kFrameHeaderSize + BlockPool::kFull == kRecord);
/// AES-GCM keys are good for 2^24.5 records (RFC 8446, 5.5); OpenSSL does not change them by itself.
constexpr std::uint64_t kRecordsPerKey = 1 << 23;

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

bool would_block(int error_number) {
    return error_number == EAGAIN || error_number == EWOULDBLOCK;
}

std::unexpected<Error> socket_failure(std::string_view what, int error_number) {
    return failure(ErrorCode::kChannelFailed, std::format("{}: {}", what, std::strerror(error_number)));
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
    SSL_CTX_set_default_read_buffer_len(context, kReadAhead);
    if (SSL_CTX_load_verify_locations(context, authority.c_str(), nullptr) != 1) return unusable(authority);
    if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) return unusable(certificate);
    if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) return unusable(key);
    return identity;
}

Transport::Transport(asio::ip::tcp::socket socket, const TlsIdentity& identity, TlsRole role)
    : socket_(std::move(socket)), ssl_(SSL_new(identity.context()), SSL_free) {
    socket_.native_non_blocking(true);
    SSL_set_fd(ssl_.get(), socket_.native_handle());
    if (role == TlsRole::kConnects)
        SSL_set_connect_state(ssl_.get());
    else
        SSL_set_accept_state(ssl_.get());
}

Transport::Transport(asio::ip::tcp::socket socket) : socket_(std::move(socket)) {
    socket_.native_non_blocking(true);
}

Result<Transport::Progress> Transport::judge(int result, std::string_view what) {
    const int system_error = errno;
    if (result > 0) return Progress::kDone;
    const int reason = SSL_get_error(ssl_.get(), result);
    if (reason == SSL_ERROR_WANT_READ) return Progress::kWantsRead;
    if (reason == SSL_ERROR_WANT_WRITE) return Progress::kWantsWrite;
    if (reason == SSL_ERROR_ZERO_RETURN || (reason == SSL_ERROR_SYSCALL && system_error == 0))
        return failure(ErrorCode::kChannelFailed, "the peer closed the connection");
    if (reason == SSL_ERROR_SYSCALL) return socket_failure(what, system_error);
    if (const long verified = SSL_get_verify_result(ssl_.get()); verified != X509_V_OK)
        return failure(
            ErrorCode::kCertificateInvalid,
            std::format("the peer's certificate is not accepted: {}", X509_verify_cert_error_string(verified)), "",
            "its certificate must come from this cluster's ssictl ca issue");
    const auto code = ERR_peek_last_error();
    const bool alert = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) >= SSL_AD_REASON_OFFSET;
    const bool closed = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    auto text = openssl_text();
    if (closed) return failure(ErrorCode::kChannelFailed, "the peer closed the connection");
    if (alert)
        return failure(ErrorCode::kCertificateInvalid, std::format("the peer refuses the connection: {}", text), "",
                       "check that both certificates come from this cluster's ssictl ca issue");
    return failure(ErrorCode::kChannelFailed, std::format("{}: {}", what, text));
}

asio::awaitable<Result<void>> Transport::handshake() {
    while (ssl_ != nullptr) {
        ERR_clear_error();
        errno = 0;
        const auto progress = judge(SSL_do_handshake(ssl_.get()), "TLS handshake");
        if (!progress) co_return std::unexpected(progress.error());
        if (*progress == Progress::kDone) break;
        const auto direction =
            *progress == Progress::kWantsRead ? asio::socket_base::wait_read : asio::socket_base::wait_write;
        const auto [error] = co_await socket_.async_wait(direction, kNoThrow);
        if (error) co_return failure(ErrorCode::kChannelFailed, std::format("TLS handshake: {}", error.message()));
    }
    co_return Result<void>();
}

Result<std::size_t> Transport::try_read(std::span<std::byte> into) {
    if (ssl_ == nullptr) {
        const auto count = ::recv(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
        if (count > 0) return static_cast<std::size_t>(count);
        if (count == 0) return failure(ErrorCode::kChannelFailed, "the peer closed the connection");
        if (would_block(errno)) return 0;
        return socket_failure("read", errno);
    }
    std::size_t count = 0;
    ERR_clear_error();
    errno = 0;
    const auto progress = judge(SSL_read_ex(ssl_.get(), into.data(), into.size(), &count), "read");
    if (!progress) return std::unexpected(progress.error());
    return count;  // a record that changes keys may want to write: what is sent next does
}

Result<bool> Transport::write_record(ByteView record) {
    // It is refused while a record waits to be sent again, and then tried with the next one.
    if (records_ >= kRecordsPerKey && SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1) records_ = 0;
    std::size_t count = 0;
    ERR_clear_error();
    errno = 0;
    const auto progress = judge(SSL_write_ex(ssl_.get(), record.data(), record.size(), &count), "write");
    if (!progress) return std::unexpected(progress.error());
    if (*progress != Progress::kDone) return false;
    ++records_;
    return true;
}

Result<bool> Transport::try_write(const OutFrame& frame) {
    if (ssl_ == nullptr) return write_clear(frame);
    const auto head = frame.head();
    const auto body = frame.body();
    if (body.empty()) return write_record(head);
    // OpenSSL copies a record when it takes it, so the room in front of the bytes is free again after the call.
    if (frame.payload.begin == 0 && head.size() == Block::kHeaderRoom) {
        std::memcpy(frame.payload.block->frame(), head.data(), head.size());
        return write_record({frame.payload.block->frame(), frame.size()});
    }
    std::array<std::byte, kRecord> record;
    std::memcpy(record.data(), head.data(), head.size());
    std::memcpy(record.data() + head.size(), body.data(), body.size());
    return write_record(ByteView(record).first(frame.size()));
}

Result<bool> Transport::write_clear(const OutFrame& frame) {
    const auto head = frame.head().subspan(std::min(sent_of_frame_, frame.head().size()));
    const auto body = frame.body().subspan(sent_of_frame_ - (frame.head().size() - head.size()));
    std::array<iovec, 2> parts{iovec{const_cast<std::byte*>(head.data()), head.size()},
                               iovec{const_cast<std::byte*>(body.data()), body.size()}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const auto count = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && would_block(errno)) return false;
    if (count < 0) return socket_failure("write", errno);
    sent_of_frame_ += static_cast<std::size_t>(count);
    if (sent_of_frame_ < frame.size()) return false;
    sent_of_frame_ = 0;
    return true;
}

asio::awaitable<Result<void>> Transport::wait_readable() {
    const auto [error] = co_await socket_.async_wait(asio::socket_base::wait_read, kNoThrow);
    if (error) co_return failure(ErrorCode::kChannelFailed, std::format("read: {}", error.message()));
    co_return Result<void>();
}

asio::awaitable<Result<void>> Transport::wait_writable() {
    const auto [error] = co_await socket_.async_wait(asio::socket_base::wait_write, kNoThrow);
    if (error) co_return failure(ErrorCode::kChannelFailed, std::format("write: {}", error.message()));
    co_return Result<void>();
}

void Transport::close() {
    if (ssl_ != nullptr) SSL_set_fd(ssl_.get(), -1);  // the number may soon be another file's
    boost::system::error_code ignored;                // nothing can be done about a failed close
    socket_.close(ignored);
}

Result<pki::CertificateFacts> Transport::peer() const {
    if (ssl_ == nullptr) return failure(ErrorCode::kCertificateInvalid, "the channel is not encrypted");
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl_.get()), X509_free);
    if (certificate == nullptr) return failure(ErrorCode::kCertificateInvalid, "the peer showed no certificate");
    return pki::facts_of(*certificate);
}

}  // namespace ssi::isfc
