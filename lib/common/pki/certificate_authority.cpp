#include "lib/common/pki/certificate_authority.hpp"

#include <openssl/ec.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <format>
#include <utility>

#include "lib/common/pki/certificate_facts.hpp"
#include "lib/common/pki/pem_files.hpp"

namespace ssi::pki {
namespace fs = std::filesystem;
namespace {

constexpr auto kClockSkew = std::chrono::hours(24);  // a member whose clock is behind accepts a new certificate
constexpr int kSerialBits = 127;

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

struct Authority {
    Certificate certificate;
    Key key;
    std::string cluster;
    std::string chain;  // what goes behind each member's certificate: ca-cross.crt, if there is one
    std::vector<Certificate> retiring;
};

bool add_authority_extensions(X509* certificate, X509* issuer) {
    return add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           add_extension(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
}

Result<Authority> make_authority(const std::string& cluster) {
    Authority authority;
    authority.cluster = cluster;
    authority.key.reset(EVP_EC_gen("P-256"));
    if (!authority.key) return openssl_failure("make a key");
    authority.certificate =
        begin_certificate(authority.key, cluster, std::format("{} cluster CA", cluster), kAuthorityLifetime);
    X509* raw = authority.certificate.get();
    if (raw == nullptr || X509_set_issuer_name(raw, X509_get_subject_name(raw)) != 1 ||
        !add_authority_extensions(raw, raw) || X509_sign(raw, authority.key.get(), EVP_sha256()) == 0)
        return openssl_failure("make the authority's certificate");
    return authority;
}

/// The new authority as one that the old one certifies, for as long as the old one lives.
Result<std::string> cross_certify(const Authority& fresh, const Authority& old) {
    const Certificate certificate(X509_dup(fresh.certificate.get()));
    X509* raw = certificate.get();
    X509* issuer = old.certificate.get();
    if (raw == nullptr || !set_serial(raw) || X509_set_issuer_name(raw, X509_get_subject_name(issuer)) != 1 ||
        X509_set1_notAfter(raw, X509_get0_notAfter(issuer)) != 1 ||
        !add_extension(raw, issuer, NID_authority_key_identifier, "keyid") ||
        X509_sign(raw, old.key.get(), EVP_sha256()) == 0)
        return openssl_failure("certify the new authority by the old one");
    return certificate_text(certificate);
}

Result<Authority> load_authority(const fs::path& directory) {
    auto certificates = read_certificates(directory / "ca.crt");
    if (!certificates) return std::unexpected(certificates.error());
    auto key = read_key(directory / "ca.key");
    if (!key) return std::unexpected(key.error());
    Authority authority;
    authority.key = std::move(*key);
    for (auto& certificate : *certificates) {
        const bool signs = X509_check_private_key(certificate.get(), authority.key.get()) == 1;
        if (signs && !authority.certificate)
            authority.certificate = std::move(certificate);
        else
            authority.retiring.push_back(std::move(certificate));
    }
    if (!authority.certificate)
        return failure(ErrorCode::kCertificateInvalid,
                       std::format("in {} ca.key belongs to no certificate of ca.crt", directory.string()),
                       directory.string(), "bring back the files of the authority, or make one with ca init --force");
    authority.cluster = facts_of(*authority.certificate).cluster;
    if (authority.cluster.empty())
        return failure(ErrorCode::kCertificateInvalid, "the authority names no cluster", directory.string(),
                       "make a new one with ssictl ca init --force");
    std::error_code status;
    if (const auto cross = directory / "ca-cross.crt"; fs::exists(cross, status)) {
        const auto chain = read_certificates(cross);
        if (!chain) return std::unexpected(chain.error());
        authority.chain = certificate_text(chain->front());
    }
    return authority;
}

Result<void> refuse_existing(const fs::path& file, Overwrite overwrite) {
    std::error_code status;
    if (overwrite == Overwrite::kYes || !fs::exists(fs::symlink_status(file, status))) return {};
    return failure(ErrorCode::kUsage, std::format("{} exists already", file.string()), file.string(),
                   "use --force to replace it; members that use it must then get the new one");
}

/// Key and certificate of a member, staged.
Result<void> stage_member(StagedFiles& files, const fs::path& directory, const MemberName& member,
                          const Authority& authority, std::chrono::days lifetime) {
    const Key key(EVP_EC_gen("P-256"));
    if (!key) return openssl_failure("make a key");
    const auto certificate = begin_certificate(key, authority.cluster, member.str(), lifetime);
    X509* raw = certificate.get();
    X509* issuer = authority.certificate.get();
    if (raw == nullptr || X509_set_issuer_name(raw, X509_get_subject_name(issuer)) != 1 ||
        !add_extension(raw, issuer, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(raw, issuer, NID_key_usage, "critical,digitalSignature") ||
        !add_extension(raw, issuer, NID_ext_key_usage, "serverAuth,clientAuth") ||
        !add_extension(raw, issuer, NID_subject_alt_name, std::format("DNS:{}", member.str())) ||
        !add_extension(raw, issuer, NID_subject_key_identifier, "hash") ||
        !add_extension(raw, issuer, NID_authority_key_identifier, "keyid") ||
        X509_sign(raw, authority.key.get(), EVP_sha256()) == 0)
        return openssl_failure(std::format("make the certificate of {}", member.str()));
    return files.add_pair(directory / member.str(), certificate, key, authority.chain);
}

/// By the certificates that lie there, in the order of their names.
Result<std::vector<MemberName>> members_in(const fs::path& directory) {
    std::vector<MemberName> members;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory, error)) {
        const auto stem = entry.path().stem().string();
        if (entry.path().extension() != ".crt" || stem == "ca" || stem == "ca-cross") continue;
        if (auto member = MemberName::parse(stem)) members.push_back(*std::move(member));
    }
    if (error) return system_failure(std::format("read {}", directory.string()), directory.string(), error.value());
    std::ranges::sort(members);
    return members;
}

/// In which order the files of a new authority are to appear: ca.crt before ca.key, for with both authorities in ca.crt
/// either key fits.
Result<void> stage_authority(StagedFiles& files, const fs::path& directory, const Authority& fresh,
                             const Authority& old) {
    const auto both = certificate_text(fresh.certificate) + certificate_text(old.certificate);
    if (auto added = files.add(directory / "ca-cross.crt", fresh.chain, 0644); !added) return added;
    if (auto added = files.add(directory / "ca.crt", both, 0644); !added) return added;
    return files.add(directory / "ca.key", key_text(fresh.key), 0600);
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
    const auto authority = make_authority(cluster);
    if (!authority) return std::unexpected(authority.error());
    fs::remove(directory / "ca-cross.crt", error);  // of an authority that is no more
    if (error) return system_failure("remove ca-cross.crt", directory.string(), error.value());
    StagedFiles files;
    if (auto added = files.add_pair(directory / "ca", authority->certificate, authority->key); !added) return added;
    return files.commit();
}

Result<void> issue_certificate(const fs::path& directory, const MemberName& member, Overwrite overwrite,
                               std::chrono::days lifetime) {
    if (member.str() == "ca" || member.str() == "ca-cross")
        return failure(ErrorCode::kUsage,
                       std::format("a member named {} would take the authority's files", member.str()), member.str(),
                       "give the member another name");
    const auto authority = load_authority(directory);
    if (!authority) return std::unexpected(authority.error());
    for (const auto* suffix : {".key", ".crt"})
        if (auto free = refuse_existing(directory / (member.str() + suffix), overwrite); !free) return free;
    StagedFiles files;
    if (auto staged = stage_member(files, directory, member, *authority, lifetime); !staged) return staged;
    return files.commit();
}

Result<Rotation> rotate_certificates(const fs::path& directory, Rotate what) {
    auto authority = load_authority(directory);
    if (!authority) return std::unexpected(authority.error());
    auto members = members_in(directory);
    if (!members) return std::unexpected(members.error());
    StagedFiles files;
    if (what == Rotate::kAuthority) {
        if (!authority->retiring.empty())
            return failure(ErrorCode::kUsage, "an authority is being replaced already", directory.string(),
                           "when all members have the new files: ssictl ca retire");
        auto fresh = make_authority(authority->cluster);
        if (!fresh) return std::unexpected(fresh.error());
        auto cross = cross_certify(*fresh, *authority);
        if (!cross) return std::unexpected(cross.error());
        fresh->chain = *cross;
        if (auto staged = stage_authority(files, directory, *fresh, *authority); !staged)
            return std::unexpected(staged.error());
        authority = std::move(fresh);
    }
    for (const auto& member : *members)
        if (auto staged = stage_member(files, directory, member, *authority, kMemberLifetime); !staged)
            return std::unexpected(staged.error());
    if (auto done = files.commit(); !done) return std::unexpected(done.error());
    return Rotation{std::move(*members), files.places()};
}

Result<fs::path> retire_authority(const fs::path& directory) {
    const auto authority = load_authority(directory);
    if (!authority) return std::unexpected(authority.error());
    if (authority->retiring.empty())
        return failure(ErrorCode::kUsage, "there is no old authority to retire", directory.string(),
                       "ssictl ca rotate --authority begins its replacement");
    StagedFiles files;
    if (auto added = files.add(directory / "ca.crt", certificate_text(authority->certificate), 0644); !added)
        return std::unexpected(added.error());
    if (auto done = files.commit(); !done) return std::unexpected(done.error());
    std::error_code error;
    fs::remove(directory / "ca-cross.crt", error);
    if (error) return system_failure("remove ca-cross.crt", directory.string(), error.value());
    return directory / "ca.crt";
}

}  // namespace ssi::pki
