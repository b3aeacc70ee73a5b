#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/pki_directory.hpp"

namespace ssi::pki {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::now;
using test::PkiDirectory;

TEST(MemberFiles, say_who_it_is_and_until_when) {
    const PkiDirectory directory;
    const auto files = directory.check(1);
    ASSERT_TRUE(files) << files.error().what;
    EXPECT_EQ(files->own.member, "MEMBER1");
    EXPECT_EQ(files->own.cluster, "production");
    EXPECT_LT(files->own.valid_from, now());
    EXPECT_GT(files->own.valid_until, now() + kMemberLifetime - 24h);
    EXPECT_LT(files->own.valid_until, now() + kMemberLifetime + 24h);
    EXPECT_EQ(files->own.fingerprint.size(), 64U);
    ASSERT_EQ(files->authorities.size(), 1U);
    EXPECT_EQ(files->own.authority, files->authorities[0].key);
    EXPECT_NE(files->own.key, files->own.authority);
}

TEST(MemberFiles, of_another_member_are_refused) {
    const PkiDirectory directory;
    for (const auto* suffix : {".crt", ".key"})
        fs::copy(directory.file(std::string("MEMBER2") + suffix), directory.file(std::string("MEMBER1") + suffix),
                 fs::copy_options::overwrite_existing);
    const auto error = directory.check(1).error();
    EXPECT_EQ(error.code, ErrorCode::kCertificateInvalid);
    EXPECT_NE(error.what.find("it is the certificate of MEMBER2"), std::string::npos) << error.what;
}

TEST(MemberFiles, empty_is_not_missing) {
    const PkiDirectory directory;
    for (const auto* file : {"MEMBER1.key", "MEMBER1.crt", "ca.crt"}) {
        std::ofstream(directory.file(file)).flush();  // as a full disk leaves it
        EXPECT_EQ(directory.check(1).error().code, ErrorCode::kCertificateInvalid) << file;
    }
}

TEST(MemberFiles, of_which_only_one_was_copied_are_refused) {
    const PkiDirectory directory;
    fs::copy(directory.file("MEMBER2.key"), directory.file("MEMBER1.key"), fs::copy_options::overwrite_existing);
    const auto error = directory.check(1).error();
    EXPECT_NE(error.what.find("is not its key"), std::string::npos) << error.what;
}

TEST(MemberFiles, of_another_authority_are_refused) {
    const PkiDirectory directory;
    const PkiDirectory other;
    other.copy_to(directory.path(), {"ca.crt"});
    EXPECT_EQ(directory.check(1).error().code, ErrorCode::kCertificateInvalid);
}

TEST(MemberFiles, are_refused_before_and_after_their_time) {
    const PkiDirectory directory;
    EXPECT_NE(directory.check(1, now() + kMemberLifetime + 24h).error().what.find("expired"), std::string::npos);
    EXPECT_NE(directory.check(1, now() - 48h).error().what.find("not yet valid"), std::string::npos);
}

TEST(MemberFiles, key_that_others_may_read_is_refused) {
    const PkiDirectory directory;
    fs::permissions(directory.file("MEMBER1.key"), fs::perms::group_read, fs::perm_options::add);
    const auto error = directory.check(1).error();
    EXPECT_EQ(error.code, ErrorCode::kCertificateInvalid);
    EXPECT_EQ(error.remedy, "chmod 600 " + directory.file("MEMBER1.key").string());
}

TEST(MemberFiles, that_are_missing_or_damaged_are_named) {
    const PkiDirectory directory;
    for (const auto* name : {"ca.crt", "MEMBER1.crt", "MEMBER1.key"}) {
        const PkiDirectory damaged;
        std::ofstream(damaged.file(name)) << "no PEM";
        EXPECT_EQ(damaged.check(1).error().code, ErrorCode::kCertificateInvalid) << name;
        EXPECT_NE(damaged.check(1).error().what.find(name), std::string::npos) << name;
        fs::remove(damaged.file(name));
        EXPECT_EQ(damaged.check(1).error().code, ErrorCode::kConfigMissing) << name;
    }
}

}  // namespace
}  // namespace ssi::pki
