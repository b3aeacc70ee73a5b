#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>

#include "tools/ssictl/authority_verbs.hpp"

namespace ssi::ctl {
namespace {

/// Beside this program, as in a build directory, or where the package has it.
std::filesystem::path program() {
    std::error_code error;
    const auto beside = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "ssictl-ca";
    return !error && std::filesystem::exists(beside, error) ? beside : std::filesystem::path(SSI_LIBEXEC) / "ssictl-ca";
}

/// This program's own, word for word.
std::vector<std::string> arguments() {
    std::ifstream file("/proc/self/cmdline", std::ios::binary);
    std::vector<std::string> words;
    for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
    return words;
}

}  // namespace

Result<std::vector<std::filesystem::path>> carry_out(const AuthorityVerb& /*verb*/) {
    auto words = arguments();
    std::vector<char*> pointers;
    for (auto& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    const auto path = program();
    ::execv(path.c_str(), pointers.data());
    return system_failure("start " + path.native(), path.native(), errno);
}

}  // namespace ssi::ctl
