#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "daemons/isfcd/channel/transport.hpp"
#include "lib/common/pki/certificate_authority.hpp"
#include "tests/unit/isfc_cluster.hpp"

namespace ssi::pki {
namespace {

namespace fs = std::filesystem;

MemberName member(const char* name) {
    return *MemberName::parse(name);
}

std::string contents(const fs::path& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
}

unsigned mode(const fs::path& file) {
    struct stat status{};
    EXPECT_EQ(::stat(file.c_str(), &status), 0) << file;
    return status.st_mode & 07777;
}

TEST(CertificateAuthority, init_and_issue_make_what_isfcd_loads) {
    const isfc::TemporaryDirectory directory;
    ASSERT_TRUE(init_authority(directory.path(), "production"));
    ASSERT_TRUE(issue_certificate(directory.path(), member("MEMBER1")));
    EXPECT_EQ(mode(directory.path() / "ca.key"), 0600U);
    EXPECT_EQ(mode(directory.path() / "ca.crt"), 0644U);
    EXPECT_EQ(mode(directory.path() / "MEMBER1.key"), 0600U);
    EXPECT_TRUE(isfc::TlsIdentity::load(directory.path(), member("MEMBER1")));
}

TEST(CertificateAuthority, nothing_is_replaced_without_force) {
    const isfc::TemporaryDirectory directory;
    ASSERT_TRUE(init_authority(directory.path(), "production"));
    ASSERT_TRUE(issue_certificate(directory.path(), member("MEMBER1")));
    const auto authority = contents(directory.path() / "ca.key");
    const auto key = contents(directory.path() / "MEMBER1.key");

    EXPECT_EQ(init_authority(directory.path(), "production").error().code, ErrorCode::kUsage);
    EXPECT_EQ(issue_certificate(directory.path(), member("MEMBER1")).error().code, ErrorCode::kUsage);
    EXPECT_EQ(contents(directory.path() / "ca.key"), authority);
    EXPECT_EQ(contents(directory.path() / "MEMBER1.key"), key);

    EXPECT_TRUE(issue_certificate(directory.path(), member("MEMBER1"), Overwrite::kYes));
    EXPECT_NE(contents(directory.path() / "MEMBER1.key"), key);
    EXPECT_TRUE(init_authority(directory.path(), "production", Overwrite::kYes));
    EXPECT_NE(contents(directory.path() / "ca.key"), authority);
}

TEST(CertificateAuthority, issue_without_authority_says_what_to_do) {
    const isfc::TemporaryDirectory directory;
    const auto issued = issue_certificate(directory.path(), member("MEMBER1"));
    ASSERT_FALSE(issued);
    EXPECT_EQ(issued.error().code, ErrorCode::kConfigMissing);
    EXPECT_EQ(issued.error().remedy,
              "make the authority with ssictl ca init, and the files of a member with ssictl ca issue");
}

TEST(CertificateAuthority, damaged_authority_is_refused) {
    const isfc::TemporaryDirectory directory;
    ASSERT_TRUE(init_authority(directory.path(), "production"));
    std::ofstream(directory.path() / "ca.crt") << "no certificate";
    EXPECT_EQ(issue_certificate(directory.path(), member("MEMBER1")).error().code, ErrorCode::kCertificateInvalid);
}

TEST(CertificateAuthority, names_that_would_harm_are_refused) {
    const isfc::TemporaryDirectory directory;
    EXPECT_EQ(init_authority(directory.path(), "a/b").error().code, ErrorCode::kUsage);
    ASSERT_TRUE(init_authority(directory.path(), "production"));
    EXPECT_EQ(issue_certificate(directory.path(), member("ca")).error().code, ErrorCode::kUsage);
}

}  // namespace
}  // namespace ssi::pki
