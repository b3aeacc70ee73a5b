#include "tools/ssictl/second_program.hpp"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "tools/ssictl/authority_verbs.hpp"
#include "tools/ssictl/config_documents.hpp"

namespace ssi::ctl {
namespace {

/// Beside this program, as in a build directory, or where the package has it.
std::filesystem::path program() {
    std::error_code error;
    const auto beside = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "ssictl-openssl";
    if (!error && std::filesystem::exists(beside, error)) return beside;
    return std::filesystem::path(SSI_LIBEXEC) / "ssictl-openssl";
}

/// Becomes the second program; returns why it could not.
Error become_second_program(const Words& words) {
    auto arguments = words;
    arguments.insert(arguments.begin(), "ssictl");
    std::vector<char*> pointers;
    for (auto& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    const auto path = program();
    ::execv(path.c_str(), pointers.data());
    return system_failure("start " + path.native(), path.native(), errno).error();
}

}  // namespace

Result<std::vector<std::filesystem::path>> carry_out(const AuthorityVerb& /*verb*/, const Words& words) {
    return std::unexpected(become_second_program(words));
}

Result<json::Object> check_config(const std::filesystem::path& /*file*/, const Words& words) {
    return std::unexpected(become_second_program(words));
}

Result<json::Object> show_config(const std::filesystem::path& /*file*/, const std::string& /*member*/,
                                 const Words& words) {
    return std::unexpected(become_second_program(words));
}

}  // namespace ssi::ctl
