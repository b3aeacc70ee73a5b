#pragma once
/// An authority's directory of a test, with certificates of MEMBER1 and MEMBER2.

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <format>
#include <initializer_list>
#include <string>

#include "lib/common/pki/certificate_authority.hpp"
#include "lib/common/pki/certificate_facts.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi::test {

inline MemberName member(int number) {
    return *MemberName::parse(std::format("MEMBER{}", number));
}

inline std::chrono::sys_seconds now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

class PkiDirectory {
  public:
    PkiDirectory() {
        EXPECT_TRUE(pki::init_authority(path(), "production"));
        for (const int number : {1, 2}) EXPECT_TRUE(pki::issue_certificate(path(), member(number)));
    }

    [[nodiscard]] const std::filesystem::path& path() const { return directory_.path(); }
    [[nodiscard]] std::filesystem::path file(const std::string& name) const { return path() / name; }
    /// As an administrator copies them to a member.
    void copy_to(const std::filesystem::path& to, std::initializer_list<const char*> files) const {
        for (const auto* name : files)
            std::filesystem::copy(file(name), to / name, std::filesystem::copy_options::overwrite_existing);
    }
    [[nodiscard]] Result<pki::MemberFiles> check(int number, std::chrono::sys_seconds at = now()) const {
        return pki::check_member_files(path(), member(number), at);
    }

  private:
    TemporaryDirectory directory_;
};

}  // namespace ssi::test
