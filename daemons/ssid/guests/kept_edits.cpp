#include "daemons/ssid/guests/kept_edits.hpp"

#include <algorithm>
#include <charconv>
#include <format>
#include <fstream>
#include <functional>
#include <optional>
#include <utility>

#include "lib/common/durable_file.hpp"

namespace ssi::cluster {
namespace {

constexpr std::string_view kOpen = "<!-- not taken: ";
constexpr std::string_view kClose = " -->";
constexpr std::string_view kEnding = ".xml";

/// XML allows no "--" in a comment.
std::string fit_for_comment(std::string text) {
    std::ranges::replace(text, '\n', ' ');
    for (auto at = text.find("--"); at != std::string::npos; at = text.find("--", at)) text.replace(at, 2, "- ");
    return text;
}

/// "GUEST.SECONDS.xml"; none: not one of ours.
std::optional<KeptEdit> read_name(const std::filesystem::path& file) {
    const auto name = file.filename().string();
    if (!name.ends_with(kEnding)) return std::nullopt;
    const auto stem = std::string_view(name).substr(0, name.size() - kEnding.size());
    const auto dot = stem.rfind('.');
    if (dot == std::string_view::npos) return std::nullopt;
    KeptEdit edit;
    const auto digits = stem.substr(dot + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), edit.since);
    auto guest = GuestName::parse(stem.substr(0, dot));
    if (error != std::errc() || end != digits.data() + digits.size() || !guest) return std::nullopt;
    edit.guest = *std::move(guest);
    edit.file = file;
    return edit;
}

}  // namespace

Result<KeptEdit> KeptEdits::keep(const GuestName& guest, const std::string& xml, const std::string& why,
                                 std::int64_t since) const {
    std::error_code error;
    std::filesystem::create_directories(directory_, error);
    if (error) return system_failure("cannot make the directory", directory_.string(), error.value());
    std::filesystem::permissions(directory_, std::filesystem::perms::owner_all, error);  // They may hold passwords.
    if (error) return system_failure("cannot close to others", directory_.string(), error.value());
    KeptEdit edit{guest, {}, since, fit_for_comment(why)};
    do edit.file = directory_ / std::format("{}.{}{}", guest.str(), edit.since, kEnding);
    while (std::filesystem::exists(edit.file, error) && ++edit.since > 0);
    if (auto written = write_durably(edit.file, std::format("{}{}{}\n{}", kOpen, edit.why, kClose, xml)); !written)
        return std::unexpected(written.error());
    return edit;
}

Result<std::vector<KeptEdit>> KeptEdits::all() const {
    std::vector<KeptEdit> edits;
    std::error_code error;
    std::filesystem::directory_iterator files(directory_, error);
    if (error == std::errc::no_such_file_or_directory) return edits;
    if (error) return system_failure("cannot list", directory_.string(), error.value());
    for (const auto& entry : files) {
        auto edit = read_name(entry.path());
        if (!edit) continue;
        std::string line;
        std::ifstream file(edit->file);
        if (std::getline(file, line) && line.starts_with(kOpen) && line.ends_with(kClose))
            edit->why = line.substr(kOpen.size(), line.size() - kOpen.size() - kClose.size());
        edits.push_back(*std::move(edit));
    }
    std::ranges::sort(edits, std::ranges::greater{}, &KeptEdit::since);
    return edits;
}

}  // namespace ssi::cluster
