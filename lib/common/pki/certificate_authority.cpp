#include "lib/common/pki/certificate_authority.hpp"

#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <format>
#include <fstream>
#include <memory>
#include <sstream>
#include <utility>

namespace ssi::pki {
namespace fs = std::filesystem;
namespace {

template <auto Free>
struct Freed {
    template <class Object>
    void operator()(Object* object) const {
        Free(object);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Memory = std::unique_ptr<BIO, Freed<BIO_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;

constexpr auto kClockSkew = std::chrono::hours(24);  // a member whose clock is behind accepts a new certificate
constexpr int kSerialBits = 127;

std::unexpected<Error> openssl_failure(const std::string& what, ErrorCode code = ErrorCode::kSystemFailed) {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    auto failed = failure(code, std::format("{}: {}", what, reason != nullptr ? reason : "OpenSSL failed"));
    ERR_clear_error();
    return failed;
}

bool add_name(X509_NAME* name, const char* field, const std::string& text) {
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()), -1, 0) == 1;
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_serial(X509* certificate) {
    const Number number(BN_new());
    return number && BN_rand(number.get(), kSerialBits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
           BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_lifetime(X509* certificate, std::chrono::days lifetime) {
    const auto before = std::chrono::duration_cast<std::chrono::seconds>(kClockSkew).count();
    return X509_gmtime_adj(X509_getm_notBefore(certificate), -before) != nullptr &&
           X509_time_adj_ex(X509_getm_notAfter(certificate), static_cast<int>(lifetime.count()), 0, nullptr) != nullptr;
}

/// A certificate for `key`, without extensions and signature. Null when OpenSSL failed.
Certificate begin_certificate(const Key& key, const std::string& organization, const std::string& common_name,
                              std::chrono::days lifetime) {
    Certificate certificate(X509_new());
    if (certificate == nullptr || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
        !set_serial(certificate.get()) || !set_lifetime(certificate.get(), lifetime) ||
        X509_set_pubkey(certificate.get(), key.get()) != 1)
        return nullptr;
    X509_NAME* subject = X509_get_subject_name(certificate.get());
    if (!add_name(subject, "O", organization) || !add_name(subject, "CN", common_name)) return nullptr;
    return certificate;
}

template <class Write>
std::string pem(Write&& write) {
    const Memory memory(BIO_new(BIO_s_mem()));
    if (memory == nullptr || !write(memory.get())) return {};
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

Result<void> refuse_existing(const fs::path& file, Overwrite overwrite) {
    std::error_code status;
    if (overwrite == Overwrite::kYes || !fs::exists(fs::symlink_status(file, status))) return {};
    return failure(ErrorCode::kUsage, std::format("{} exists already", file.string()), file.string(),
                   "use --force to replace it; members that use it must then get the new one");
}

/// Complete or not at all: written beside its place and moved there, synced, never readable by others on the way.
Result<void> write_file(const fs::path& file, const std::string& text, mode_t mode) {
    if (text.empty()) return openssl_failure(std::format("encode {}", file.string()));
    auto name = file.string() + ".XXXXXX";
    const int fd = ::mkostemp(name.data(), O_CLOEXEC);
    if (fd < 0) return system_failure(std::format("write {}", file.string()), file.string(), errno);
    int failed = 0;
    if (::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) failed = errno != 0 ? errno : EIO;
    if (failed == 0 && (::fchmod(fd, mode) != 0 || ::fsync(fd) != 0)) failed = errno;
    ::close(fd);
    if (failed == 0 && ::rename(name.c_str(), file.c_str()) != 0) failed = errno;
    if (failed == 0) return {};
    ::unlink(name.c_str());
    return system_failure(std::format("write {}", file.string()), file.string(), failed);
}

Result<void> write_pair(const fs::path& stem, const Certificate& certificate, const Key& key) {
    const auto key_text = pem([&](BIO* memory) {
        return PEM_write_bio_PKCS8PrivateKey(memory, key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1;
    });
    const auto certificate_text = pem([&](BIO* memory) { return PEM_write_bio_X509(memory, certificate.get()) == 1; });
    if (auto written = write_file(fs::path(stem).concat(".key"), key_text, 0600); !written) return written;
    return write_file(fs::path(stem).concat(".crt"), certificate_text, 0644);
}

Result<std::string> read_file(const fs::path& file) {
    std::ifstream in(file);
    std::ostringstream text;
    if (!in || !(text << in.rdbuf()))
        return failure(ErrorCode::kConfigMissing, std::format("cannot read {}", file.string()), file.string(),
                       "make the authority with ssictl ca init");
    return text.str();
}

struct Authority {
    Certificate certificate;
    Key key;
    std::string cluster;
};

Result<Authority> load_authority(const fs::path& directory) {
    const auto certificate_text = read_file(directory / "ca.crt");
    if (!certificate_text) return std::unexpected(certificate_text.error());
    const auto key_text = read_file(directory / "ca.key");
    if (!key_text) return std::unexpected(key_text.error());
    const Memory certificate_memory(
        BIO_new_mem_buf(certificate_text->data(), static_cast<int>(certificate_text->size())));
    const Memory key_memory(BIO_new_mem_buf(key_text->data(), static_cast<int>(key_text->size())));
    Authority authority{Certificate(PEM_read_bio_X509(certificate_memory.get(), nullptr, nullptr, nullptr)),
                        Key(PEM_read_bio_PrivateKey(key_memory.get(), nullptr, nullptr, nullptr)),
                        {}};
    if (!authority.certificate || !authority.key ||
        X509_check_private_key(authority.certificate.get(), authority.key.get()) != 1)
        return openssl_failure(std::format("the authority in {} cannot be used", directory.string()),
                               ErrorCode::kCertificateInvalid);
    const X509_NAME* subject = X509_get_subject_name(authority.certificate.get());
    const int index = X509_NAME_get_index_by_NID(subject, NID_organizationName, -1);
    if (index < 0)
        return failure(ErrorCode::kCertificateInvalid, "the authority names no cluster", directory.string(),
                       "make a new one with ssictl ca init --force");
    const ASN1_STRING* name = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index));
    authority.cluster.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name)),
                             static_cast<std::size_t>(ASN1_STRING_length(name)));
    return authority;
}

}  // namespace

Result<void> init_authority(const fs::path& directory, const std::string& cluster, Overwrite overwrite) {
    // A cluster's name follows the rule of member names (system.toml).
    if (auto name = MemberName::parse(cluster); !name || cluster.size() > 32)
        return failure(ErrorCode::kUsage, std::format("'{}' is no cluster name", cluster), cluster,
                       "use 1-32 letters, digits and '-'");
    std::error_code error;
    if (fs::create_directories(directory, error)) fs::permissions(directory, fs::perms::owner_all, error);
    if (error) return system_failure(std::format("make {}", directory.string()), directory.string(), error.value());
    for (const auto* file : {"ca.key", "ca.crt"})
        if (auto free = refuse_existing(directory / file, overwrite); !free) return free;

    const Key key(EVP_EC_gen("P-256"));
    if (!key) return openssl_failure("make a key");
    const auto certificate = begin_certificate(key, cluster, std::format("{} cluster CA", cluster), kAuthorityLifetime);
    X509* raw = certificate.get();
    if (raw == nullptr || X509_set_issuer_name(raw, X509_get_subject_name(raw)) != 1 ||
        !add_extension(raw, raw, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !add_extension(raw, raw, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !add_extension(raw, raw, NID_subject_key_identifier, "hash") || X509_sign(raw, key.get(), EVP_sha256()) == 0)
        return openssl_failure("make the authority's certificate");
    return write_pair(directory / "ca", certificate, key);
}

Result<void> issue_certificate(const fs::path& directory, const MemberName& member, Overwrite overwrite,
                               std::chrono::days lifetime) {
    if (member.str() == "ca")
        return failure(ErrorCode::kUsage, "a member named ca would take the authority's files", member.str(),
                       "give the member another name");
    const auto authority = load_authority(directory);
    if (!authority) return std::unexpected(authority.error());
    const auto stem = directory / member.str();
    for (const auto* suffix : {".key", ".crt"})
        if (auto free = refuse_existing(fs::path(stem).concat(suffix), overwrite); !free) return free;

    const Key key(EVP_EC_gen("P-256"));
    if (!key) return openssl_failure("make a key");
    const auto certificate = begin_certificate(key, authority->cluster, member.str(), lifetime);
    X509* raw = certificate.get();
    X509* issuer = authority->certificate.get();
    if (raw == nullptr || X509_set_issuer_name(raw, X509_get_subject_name(issuer)) != 1 ||
        !add_extension(raw, issuer, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(raw, issuer, NID_key_usage, "critical,digitalSignature") ||
        !add_extension(raw, issuer, NID_ext_key_usage, "serverAuth,clientAuth") ||
        !add_extension(raw, issuer, NID_subject_alt_name, std::format("DNS:{}", member.str())) ||
        !add_extension(raw, issuer, NID_subject_key_identifier, "hash") ||
        !add_extension(raw, issuer, NID_authority_key_identifier, "keyid") ||
        X509_sign(raw, authority->key.get(), EVP_sha256()) == 0)
        return openssl_failure(std::format("make the certificate of {}", member.str()));
    return write_pair(stem, certificate, key);
}

}  // namespace ssi::pki
