#include "lib/common/pki/certificate_facts.hpp"

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <format>
#include <span>
#include <utility>

#include "lib/common/pki/pem_files.hpp"

namespace ssi::pki {
namespace fs = std::filesystem;
namespace {

using Store = std::unique_ptr<X509_STORE, Freed<X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>>;
struct FreedStack {
    void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }  // its certificates are another's
};
using Stack = std::unique_ptr<STACK_OF(X509), FreedStack>;

std::string name_entry(const X509_NAME* name, int nid) {
    const int index = X509_NAME_get_index_by_NID(name, nid, -1);
    if (index < 0) return {};
    const ASN1_STRING* value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index));
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
            static_cast<std::size_t>(ASN1_STRING_length(value))};
}

std::string hexadecimal(std::span<const unsigned char> bytes) {
    std::string text;
    for (const auto byte : bytes) text += std::format("{:02x}", byte);
    return text;
}

std::string identifier(const ASN1_OCTET_STRING* value) {
    if (value == nullptr) return {};
    return hexadecimal({ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value))});
}

std::chrono::sys_seconds time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
    return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&parts)));
}

std::unexpected<Error> invalid(const fs::path& file, const std::string& why, const std::string& remedy) {
    return failure(ErrorCode::kCertificateInvalid, std::format("{}: {}", file.string(), why), file.string(), remedy);
}

/// Nothing, or why nobody would accept it at that time.
std::string verify(const std::vector<Certificate>& own, const std::vector<Certificate>& authorities,
                   std::chrono::sys_seconds now) {
    const Store store(X509_STORE_new());
    const StoreContext context(X509_STORE_CTX_new());
    const Stack chain(sk_X509_new_null());
    if (!store || !context || !chain) return "OpenSSL has no memory";
    for (const auto& authority : authorities) X509_STORE_add_cert(store.get(), authority.get());
    for (std::size_t i = 1; i < own.size(); ++i) sk_X509_push(chain.get(), own[i].get());
    if (X509_STORE_CTX_init(context.get(), store.get(), own.front().get(), chain.get()) != 1)
        return "OpenSSL has no memory";
    X509_STORE_CTX_set_time(context.get(), 0, now.time_since_epoch().count());
    if (X509_verify_cert(context.get()) == 1) return {};
    return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
}

}  // namespace

CertificateFacts facts_of(const x509_st& constant) {
    // OpenSSL decodes extensions when they are first asked for and keeps them in the certificate.
    auto* certificate = const_cast<X509*>(&constant);
    const auto* subject = X509_get_subject_name(certificate);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    X509_digest(certificate, EVP_sha256(), digest.data(), &size);
    return {.member = name_entry(subject, NID_commonName),
            .cluster = name_entry(subject, NID_organizationName),
            .valid_from = time_of(X509_get0_notBefore(certificate)),
            .valid_until = time_of(X509_get0_notAfter(certificate)),
            .fingerprint = hexadecimal(std::span(digest).first(size)),
            .authority = identifier(X509_get0_authority_key_id(certificate)),
            .key = identifier(X509_get0_subject_key_id(certificate))};
}

Result<MemberFiles> check_member_files(const fs::path& directory, const MemberName& member,
                                       std::chrono::sys_seconds now) {
    const auto own_file = directory / (member.str() + ".crt");
    const auto key_file = directory / (member.str() + ".key");
    const auto authorities = read_certificates(directory / "ca.crt");
    if (!authorities) return std::unexpected(authorities.error());
    const auto own = read_certificates(own_file);
    if (!own) return std::unexpected(own.error());
    const auto key = read_key(key_file);
    if (!key) return std::unexpected(key.error());

    MemberFiles files{facts_of(*own->front()), {}};
    for (const auto& authority : *authorities) files.authorities.push_back(facts_of(*authority));
    const auto anew = std::format("copy what ssictl ca issue {} or ssictl ca rotate made", member.str());
    if (files.own.member != member.str())
        return invalid(own_file, std::format("it is the certificate of {}", files.own.member), anew);
    if (X509_check_private_key(own->front().get(), key->get()) != 1)
        return invalid(own_file, std::format("{} is not its key", key_file.string()),
                       "copy both files, they are made together");
    struct stat status{};
    if (::stat(key_file.c_str(), &status) != 0)
        return system_failure(std::format("look at {}", key_file.string()), key_file.string(), errno);
    if ((status.st_mode & 077) != 0)
        return invalid(key_file, "others may read it", std::format("chmod 600 {}", key_file.string()));
    if (const auto why = verify(*own, *authorities, now); !why.empty()) return invalid(own_file, why, anew);
    return files;
}

}  // namespace ssi::pki
