#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unit/pki_directory.hpp"

namespace ssi::pki {
namespace {

namespace fs = std::filesystem;
using test::member;
using test::PkiDirectory;
using test::TemporaryDirectory;

/// Does a member with the first directory's ca.crt accept the certificate of a member in the second? (The files of one
/// member are checked as a peer checks them.)
bool accepts(const fs::path& judge, const fs::path& shown, int number) {
    const TemporaryDirectory both;
    fs::copy(judge / "ca.crt", both.path() / "ca.crt");
    for (const auto* suffix : {".crt", ".key"}) {
        const auto name = member(number).str() + suffix;
        fs::copy(shown / name, both.path() / name);
    }
    return check_member_files(both.path(), member(number), test::now()).has_value();
}

TEST(Rotation, makes_new_keys_of_all_members_in_the_directory) {
    const PkiDirectory directory;
    const auto before = directory.check(1).value();
    const auto rotated = rotate_certificates(directory.path(), Rotate::kMembers);
    ASSERT_TRUE(rotated) << rotated.error().what;
    EXPECT_EQ(rotated->members, (std::vector{member(1), member(2)}));
    EXPECT_EQ(rotated->files.size(), 4U);
    const auto after = directory.check(1).value();
    EXPECT_NE(after.own.fingerprint, before.own.fingerprint);
    EXPECT_NE(after.own.key, before.own.key);
    EXPECT_EQ(after.authorities, before.authorities);
    struct stat status{};
    ASSERT_EQ(::stat(directory.file("MEMBER2.key").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(Rotation, of_the_authority_keeps_old_and_new_members_together_in_any_order) {
    const PkiDirectory directory;
    const TemporaryDirectory old;
    directory.copy_to(old.path(), {"ca.crt", "MEMBER1.crt", "MEMBER1.key", "MEMBER2.crt", "MEMBER2.key"});
    ASSERT_TRUE(rotate_certificates(directory.path(), Rotate::kAuthority));
    const auto files = directory.check(1).value();
    ASSERT_EQ(files.authorities.size(), 2U);
    EXPECT_EQ(files.own.authority, files.authorities[0].key);
    EXPECT_NE(files.own.authority, files.authorities[1].key);
    EXPECT_TRUE(accepts(directory.path(), directory.path(), 1));
    EXPECT_TRUE(accepts(directory.path(), old.path(), 1)) << "a member that is not rotated yet";
    EXPECT_TRUE(accepts(old.path(), directory.path(), 1)) << "by a member that is not rotated yet";
}

TEST(Rotation, ends_with_the_old_authority_retired) {
    const PkiDirectory directory;
    const TemporaryDirectory old;
    directory.copy_to(old.path(), {"ca.crt", "MEMBER1.crt", "MEMBER1.key"});
    ASSERT_TRUE(rotate_certificates(directory.path(), Rotate::kAuthority));
    EXPECT_EQ(retire_authority(directory.path()).value(), directory.file("ca.crt"));
    EXPECT_EQ(directory.check(1).value().authorities.size(), 1U);
    EXPECT_TRUE(accepts(directory.path(), directory.path(), 1));
    EXPECT_FALSE(accepts(directory.path(), old.path(), 1));
    EXPECT_EQ(retire_authority(directory.path()).error().code, ErrorCode::kUsage);
}

TEST(Rotation, of_members_and_new_members_fit_while_an_authority_is_replaced) {
    const PkiDirectory directory;
    const TemporaryDirectory old;
    directory.copy_to(old.path(), {"ca.crt"});
    ASSERT_TRUE(rotate_certificates(directory.path(), Rotate::kAuthority));
    ASSERT_TRUE(rotate_certificates(directory.path(), Rotate::kMembers));
    ASSERT_TRUE(issue_certificate(directory.path(), member(3)));
    for (const int number : {1, 3}) {
        EXPECT_TRUE(accepts(old.path(), directory.path(), number));
        EXPECT_TRUE(accepts(directory.path(), directory.path(), number));
    }
    ASSERT_TRUE(retire_authority(directory.path()));
    ASSERT_TRUE(rotate_certificates(directory.path(), Rotate::kMembers));
    EXPECT_FALSE(accepts(old.path(), directory.path(), 1));
}

TEST(Rotation, of_two_authorities_at_once_is_refused) {
    const PkiDirectory directory;
    ASSERT_TRUE(rotate_certificates(directory.path(), Rotate::kAuthority));
    const auto again = rotate_certificates(directory.path(), Rotate::kAuthority);
    EXPECT_EQ(again.error().code, ErrorCode::kUsage);
    EXPECT_EQ(again.error().remedy, "when all members have the new files: ssictl ca retire");
}

TEST(Rotation, that_was_interrupted_between_the_files_of_the_authority_can_be_undone) {
    const PkiDirectory directory;
    const TemporaryDirectory old;
    directory.copy_to(old.path(), {"ca.key"});
    ASSERT_TRUE(rotate_certificates(directory.path(), Rotate::kAuthority));
    fs::copy(old.path() / "ca.key", directory.file("ca.key"), fs::copy_options::overwrite_existing);
    ASSERT_TRUE(retire_authority(directory.path()));  // of the two, the one whose key is there stays
    ASSERT_TRUE(rotate_certificates(directory.path(), Rotate::kMembers));
    EXPECT_TRUE(directory.check(1));
}

TEST(Rotation, without_an_authority_says_what_to_do) {
    const TemporaryDirectory directory;
    EXPECT_EQ(rotate_certificates(directory.path(), Rotate::kMembers).error().code, ErrorCode::kConfigMissing);
    EXPECT_EQ(retire_authority(directory.path()).error().code, ErrorCode::kConfigMissing);
}

TEST(Rotation, new_authority_by_force_knows_nothing_of_the_old_one) {
    const PkiDirectory directory;
    ASSERT_TRUE(rotate_certificates(directory.path(), Rotate::kAuthority));
    ASSERT_TRUE(init_authority(directory.path(), "production", Overwrite::kYes));
    EXPECT_FALSE(fs::exists(directory.file("ca-cross.crt")));
    EXPECT_FALSE(directory.check(1));
}

}  // namespace
}  // namespace ssi::pki
