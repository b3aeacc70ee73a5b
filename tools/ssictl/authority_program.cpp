#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "tools/ssictl/authority_verbs.hpp"

namespace ssi::ctl {
namespace {

/// Beside this program, as in a build directory, or where the package has it.
std::filesystem::path program() {
    std::error_code error;
    const auto beside = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "ssictl-ca";
    return !error && std::filesystem::exists(beside, error) ? beside : std::filesystem::path(SSI_LIBEXEC) / "ssictl-ca";
}

}  // namespace

Result<std::vector<std::filesystem::path>> carry_out(const AuthorityVerb& /*verb*/,
                                                     const std::vector<std::string>& words) {
    auto arguments = words;
    arguments.insert(arguments.begin(), "ssictl");
    std::vector<char*> pointers;
    for (auto& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    const auto path = program();
    ::execv(path.c_str(), pointers.data());
    return system_failure("start " + path.native(), path.native(), errno);
}

}  // namespace ssi::ctl
