#include "lib/common/log.hpp"

#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <format>
#include <utility>
#include <vector>

namespace ssi::log {
namespace {

int initial_level() {
    const char* value = std::getenv("SSI_LOG_LEVEL");
    return value != nullptr && value[0] >= '3' && value[0] <= '7' && value[1] == '\0'
               ? value[0] - '0'
               : std::to_underlying(Level::kInfo);
}

std::atomic<int>& level_limit() {
    static std::atomic<int> limit{initial_level()};
    return limit;
}

/// systemd.exec(5): JOURNAL_STREAM holds device and inode of the stream that goes to the journal.
bool stderr_is_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat status{};
    if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
    return stream == std::format("{}:{}", status.st_dev, status.st_ino);
}

}  // namespace

void set_level(Level level) {
    level_limit() = std::to_underlying(level);
}

void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
    if (std::to_underlying(level) > level_limit()) return;
    static const bool to_journal = stderr_is_journal();
    if (!to_journal) {
        std::string line = std::format("<{}> {}", std::to_underlying(level), message);
        for (const auto& field : fields) line += std::format(" {}={}", field.name, field.value);
        line += '\n';
        std::fputs(line.c_str(), stderr);
        return;
    }
    std::vector<std::string> entries;
    entries.push_back(std::format("PRIORITY={}", std::to_underlying(level)));
    entries.push_back(std::format("MESSAGE={}", message));
    for (const auto& field : fields) entries.push_back(std::format("{}={}", field.name, field.value));
    std::vector<iovec> vectors;
    for (auto& entry : entries) vectors.push_back({entry.data(), entry.size()});
    if (sd_journal_sendv(vectors.data(), static_cast<int>(vectors.size())) < 0)
        std::fputs(std::format("<{}> {}\n", std::to_underlying(level), message).c_str(), stderr);
}

namespace {
void write_error(Level level, std::string_view context, const Error& error) {
    const auto code = code_text(error.code);
    write(level, std::format("{}: {}", context, error.text()), {{"SSI_CODE", code}, {"SSI_OBJECT", error.object}});
}
}  // namespace

void error(std::string_view context, const Error& error) {
    write_error(Level::kError, context, error);
}
void warning(std::string_view context, const Error& error) {
    write_error(Level::kWarning, context, error);
}

}  // namespace ssi::log
