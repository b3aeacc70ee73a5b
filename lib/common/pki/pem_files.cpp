#include "lib/common/pki/pem_files.hpp"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <format>
#include <utility>

#include "lib/common/text_file.hpp"

namespace ssi::pki {
namespace fs = std::filesystem;
namespace {

Result<std::string> read_file(const fs::path& file) {
    if (auto text = read_text_file(file)) return *std::move(text);
    return failure(ErrorCode::kConfigMissing, std::format("cannot read {}", file.string()), file.string(),
                   "make the authority with ssictl ca init, and the files of a member with ssictl ca issue");
}

Memory memory_of(const std::string& text) {
    return Memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

template <class Write>
std::string pem(Write&& write) {
    const Memory memory(BIO_new(BIO_s_mem()));
    if (memory == nullptr || !write(memory.get())) return {};
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

}  // namespace

std::unexpected<Error> openssl_failure(const std::string& what, ErrorCode code) {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    auto failed = failure(code, std::format("{}: {}", what, reason != nullptr ? reason : "OpenSSL failed"));
    ERR_clear_error();
    return failed;
}

Result<std::vector<Certificate>> read_certificates(const fs::path& file) {
    const auto text = read_file(file);
    if (!text) return std::unexpected(text.error());
    const auto memory = memory_of(*text);
    std::vector<Certificate> certificates;
    while (auto* one = PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr)) certificates.emplace_back(one);
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (certificates.empty() || !at_end)
        return openssl_failure(std::format("{} holds no certificate that can be read", file.string()),
                               ErrorCode::kCertificateInvalid);
    ERR_clear_error();
    return certificates;
}

Result<Key> read_key(const fs::path& file) {
    const auto text = read_file(file);
    if (!text) return std::unexpected(text.error());
    const auto memory = memory_of(*text);
    Key key(PEM_read_bio_PrivateKey(memory.get(), nullptr, nullptr, nullptr));
    if (!key)
        return openssl_failure(std::format("{} holds no key that can be read", file.string()),
                               ErrorCode::kCertificateInvalid);
    return key;
}

std::string certificate_text(const Certificate& certificate) {
    return pem([&](BIO* memory) { return PEM_write_bio_X509(memory, certificate.get()) == 1; });
}

std::string key_text(const Key& key) {
    return pem([&](BIO* memory) {
        return PEM_write_bio_PKCS8PrivateKey(memory, key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1;
    });
}

StagedFiles::~StagedFiles() {
    for (const auto& file : files_)
        if (!file.temporary.empty()) ::unlink(file.temporary.c_str());
}

Result<void> StagedFiles::add(const fs::path& file, const std::string& text, mode_t mode) {
    if (text.empty()) return openssl_failure(std::format("encode {}", file.string()));
    auto name = file.string() + ".XXXXXX";
    const int fd = ::mkostemp(name.data(), O_CLOEXEC);
    if (fd < 0) return system_failure(std::format("write {}", file.string()), file.string(), errno);
    files_.push_back({name, file});
    int failed = 0;
    errno = 0;
    if (::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) failed = errno != 0 ? errno : EIO;
    if (failed == 0 && (::fchmod(fd, mode) != 0 || ::fsync(fd) != 0)) failed = errno;
    ::close(fd);
    if (failed == 0) return {};
    return system_failure(std::format("write {}", file.string()), file.string(), failed);
}

Result<void> StagedFiles::add_pair(const fs::path& stem, const Certificate& certificate, const Key& key,
                                   const std::string& chain) {
    if (auto added = add(fs::path(stem).concat(".key"), key_text(key), 0600); !added) return added;
    const auto text = certificate_text(certificate);
    return add(fs::path(stem).concat(".crt"), text.empty() ? text : text + chain, 0644);
}

Result<void> StagedFiles::commit() {
    for (auto& file : files_) {
        if (::rename(file.temporary.c_str(), file.place.c_str()) != 0)
            return system_failure(std::format("write {}", file.place.string()), file.place.string(), errno);
        file.temporary.clear();
    }
    return {};
}

std::vector<fs::path> StagedFiles::places() const {
    std::vector<fs::path> places;
    for (const auto& file : files_) places.push_back(file.place);
    return places;
}

}  // namespace ssi::pki
