// Certificates and keys that an administrator copied to a member. The first byte says which file the input is, and
// whether it is the file's text or what its text encodes: so the fuzzer also gets beneath the base64.

#include <openssl/pem.h>

#include <fstream>
#include <string>
#include <vector>

#include "lib/common/pki/certificate_authority.hpp"
#include "lib/common/pki/certificate_facts.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace {

using namespace ssi;
using fuzz::require;
namespace fs = std::filesystem;

const auto kMember = *MemberName::parse("MEMBER1");

struct File {
    std::string name;
    const char* label;  ///< Of what it holds, in PEM.
};
const std::vector<File> kFiles{
    {"ca.crt", PEM_STRING_X509}, {"MEMBER1.crt", PEM_STRING_X509}, {"MEMBER1.key", PEM_STRING_PKCS8INF}};

/// A member's directory in which one file at a time is another's.
class Directory {
  public:
    Directory() {
        require(pki::init_authority(good_.path(), "PROD").has_value());
        require(pki::issue_certificate(good_.path(), kMember).has_value());
        for (const auto& file : kFiles) restore(file);
    }
    void restore(const File& file) const {
        fs::copy_file(good_.path() / file.name, used_.path() / file.name, fs::copy_options::overwrite_existing);
    }
    void replace(const File& file, const std::string& text) const { std::ofstream(used_.path() / file.name) << text; }
    [[nodiscard]] const fs::path& path() const { return used_.path(); }

  private:
    test::TemporaryDirectory good_;
    test::TemporaryDirectory used_;
};

std::string in_pem(const char* label, const std::uint8_t* data, std::size_t size) {
    BIO* memory = BIO_new(BIO_s_mem());
    require(PEM_write_bio(memory, label, "", data, static_cast<long>(size)) > 0 || size == 0);
    char* text = nullptr;
    const auto length = static_cast<std::size_t>(BIO_get_mem_data(memory, &text));
    std::string result(text == nullptr ? "" : text, length);
    BIO_free(memory);
    return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    static const Directory directory;
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const auto& file = kFiles[data[0] % kFiles.size()];
    const bool is_text = (data[0] & 0x80) != 0;
    directory.replace(file, is_text ? std::string(reinterpret_cast<const char*>(data) + 1, size - 1)
                                    : in_pem(file.label, data + 1, size - 1));

    const auto files = pki::check_member_files(directory.path(), kMember, now);
    if (files) {
        require(files->own.member == kMember.str() && files->own.fingerprint.size() == 64);
        require(files->own.valid_from <= now && now <= files->own.valid_until && !files->authorities.empty());
    } else {
        require(!files.error().what.empty());
        require(files.error().code == ErrorCode::kCertificateInvalid);
    }
    directory.restore(file);
    return 0;
}
