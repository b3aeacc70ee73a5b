#include "tools/ssictl/text_editor.hpp"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <format>
#include <fstream>
#include <system_error>

#include "lib/common/text_file.hpp"

namespace ssi::ctl {
namespace {

std::string editor() {
    for (const auto* variable : {"VISUAL", "EDITOR"})
        if (const char* value = std::getenv(variable); value != nullptr && *value != '\0') return value;
    return "vi";
}

/// $EDITOR may hold options ("emacs -nw"): the shell takes it apart, and not the file's name.
Result<void> run_editor(const std::string& file) {
    const auto program = editor();
    auto script = program + " \"$1\"";
    std::string name = "sh";
    std::string option = "-c";
    auto path = file;
    std::array<char*, 6> arguments{name.data(), option.data(), script.data(), name.data(), path.data(), nullptr};
    pid_t child = 0;
    if (const int failed = ::posix_spawn(&child, "/bin/sh", nullptr, nullptr, arguments.data(), environ); failed != 0)
        return system_failure("cannot start the editor", program, failed);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return system_failure("cannot wait for the editor", program, errno);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return failure(ErrorCode::kSystemFailed, std::format("the editor '{}' failed", program), program,
                   "set $VISUAL or $EDITOR to one that is installed");
}

}  // namespace

Result<EditedText> EditedText::begin(const std::string& name, const std::string& text) {
    constexpr std::string_view kEnding = ".xml";
    std::error_code error;
    auto directory = std::filesystem::temp_directory_path(error);
    if (error) directory = "/tmp";
    auto path = (directory / std::format("{}-XXXXXX{}", name, kEnding)).string();
    const int descriptor = ::mkstemps(path.data(), static_cast<int>(kEnding.size()));  // 0600
    if (descriptor < 0) return system_failure("cannot make a file to edit", path, errno);
    ::close(descriptor);
    EditedText edited(path);
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << text << std::flush;
    if (!file) return system_failure("cannot write", path, errno);
    return edited;
}

EditedText::~EditedText() {
    std::error_code ignored;
    if (!file_.empty()) std::filesystem::remove(file_, ignored);
}

Result<void> EditedText::edit() const {
    return run_editor(file_.string());
}

Result<std::string> EditedText::text() const {
    auto text = read_text_file(file_);
    if (!text)
        return failure(ErrorCode::kSystemFailed, std::format("{} cannot be read any more", file_.string()),
                       file_.string());
    return *std::move(text);
}

}  // namespace ssi::ctl
