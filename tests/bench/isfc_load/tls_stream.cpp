#include "tests/bench/isfc_load/tls_stream.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <format>
#include <stdexcept>

namespace ssi::bench {
namespace {

constexpr auto kCipher = "TLS_AES_128_GCM_SHA256";  // what isfcd's channels take

[[noreturn]] void tls_broken(std::string_view what) {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    throw std::runtime_error(std::format("{}: {}", what, reason != nullptr ? reason : "the connection is broken"));
}

using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

Context make_context(const Identity& identity) {
    Context context(SSL_CTX_new(TLS_method()), SSL_CTX_free);
    const auto authority = identity.directory / "ca.crt";
    const auto certificate = identity.directory / (identity.member + ".crt");
    const auto key = identity.directory / (identity.member + ".key");
    if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(context.get(), kCipher) != 1 ||
        SSL_CTX_load_verify_locations(context.get(), authority.c_str(), nullptr) != 1 ||
        SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1)
        tls_broken(std::format("TLS identity {} in {}", identity.member, identity.directory.string()));
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    return context;
}

class TlsStream : public ByteStream {
  public:
    TlsStream(int fd, TlsRole role, const Identity& identity)
        : fd_(fd), context_(make_context(identity)), ssl_(SSL_new(context_.get()), SSL_free) {
        if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), fd_) != 1) tls_broken("TLS");
        const int result = role == TlsRole::kConnects ? SSL_connect(ssl_.get()) : SSL_accept(ssl_.get());
        if (result != 1) tls_broken("TLS handshake");
    }
    ~TlsStream() override { ::close(fd_); }

    std::size_t read(std::span<std::byte> into) override {
        std::size_t count = 0;
        const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &count);
        if (result != 1 && SSL_get_error(ssl_.get(), result) != SSL_ERROR_ZERO_RETURN) tls_broken("TLS read");
        return count;
    }
    void write(std::span<const std::byte> bytes) override {
        std::size_t count = 0;  // blocking, no partial writes: all or an error
        if (SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count) != 1) tls_broken("TLS write");
    }
    void finish() override {
        if (SSL_shutdown(ssl_.get()) < 0) tls_broken("TLS shutdown");
        ::shutdown(fd_, SHUT_WR);
    }

  private:
    int fd_;
    Context context_;
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
};

}  // namespace

std::unique_ptr<ByteStream> make_tls_stream(int fd, TlsRole role, const Identity& identity) {
    return std::make_unique<TlsStream>(fd, role, identity);
}

}  // namespace ssi::bench
