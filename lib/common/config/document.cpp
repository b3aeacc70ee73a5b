#include "lib/common/config/document.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <utility>

#include "lib/common/config/entry_list.hpp"
#include "lib/common/config/sections.hpp"
#include "lib/common/text_file.hpp"
#include "lib/common/toml_nesting.hpp"

namespace ssi {
namespace {

using config::Faults;

void only_known_tables(const toml::value& root, Faults& faults) {
    static constexpr std::array<std::string_view, 8> kTables{"cluster", "member", "channel", "fence",
                                                             "timing",  "link",   "pdr",     "tls"};
    std::string known;
    for (const auto name : kTables) known += std::format("{}{}", known.empty() ? "" : ", ", name);
    for (const auto& [key, value] : root.as_table())
        if (std::ranges::find(kTables, key) == kTables.end())
            faults.within([&] { config::fault(value, std::format("unknown key '{}'", key), "known here: " + known); });
}

SystemConfig parse_root(const toml::value& root, Faults& faults) {
    SystemConfig parsed;
    only_known_tables(root, faults);
    config::parse_settings(root, parsed, faults);
    config::parse_members(root, parsed, faults);
    config::parse_channels(root, parsed, faults);
    config::parse_fences(root, parsed, faults);
    return parsed;
}

ConfigProblem syntax_problem(const toml::error_info& info, const std::string& file) {
    ConfigProblem problem{0, 0, info.title(), "see https://toml.io for how to write it", ""};
    auto place = file + ":1:1";
    if (!info.locations().empty()) {
        const auto& found = info.locations().front().first;
        problem.line = found.first_line_number();
        problem.column = found.first_column_number();
        place = std::format("{}:{}:{}", found.file_name(), problem.line, problem.column);
    }
    problem.diagnostic = std::format("{}: {}", place, toml::format_error("", info));
    return problem;
}

ConfigProblem whole_file_problem(std::string what, std::string diagnostic) {
    return {0, 0, std::move(what), "mend the file", std::move(diagnostic)};
}

}  // namespace

std::expected<ConfigDocument, std::vector<ConfigProblem>> read_config_document(std::string_view text,
                                                                               const std::string& file) {
    if (auto checked = check_toml_nesting(text, file); !checked)
        return std::unexpected(std::vector{whole_file_problem(checked.error().what, checked.error().what)});
    try {
        auto parsed = toml::try_parse(std::vector<unsigned char>(text.begin(), text.end()), file);
        if (parsed.is_err()) {
            std::vector<ConfigProblem> problems;
            for (const auto& info : parsed.unwrap_err()) problems.push_back(syntax_problem(info, file));
            return std::unexpected(std::move(problems));
        }
        Faults faults;
        ConfigDocument document{parse_root(parsed.unwrap(), faults), {}};
        if (faults.count() != 0) return std::unexpected(faults.sorted());
        document.entries = config::entries_of(parsed.unwrap(), document.config);
        return document;
    } catch (const toml::exception& error) {
        return std::unexpected(
            std::vector{whole_file_problem(error.what(), std::format("{}:1:1: {}", file, error.what()))});
    }
}

Result<ConfigDocument> parse_config_document(std::string_view text, const std::string& file) {
    auto document = read_config_document(text, file);
    if (document) return *std::move(document);
    std::string diagnostics;
    for (const auto& problem : document.error()) diagnostics += (diagnostics.empty() ? "" : "\n") + problem.diagnostic;
    return failure(ErrorCode::kConfigInvalid, std::move(diagnostics), file,
                   std::format("mend {} and start again", file));
}

Result<std::string> read_config_text(const std::filesystem::path& file) {
    auto content = read_text_file(file);
    if (content) return *std::move(content);
    return failure(ErrorCode::kConfigMissing, std::format("cannot read {}", file.string()), file.string(),
                   "write it; /etc/ssi/system.toml.example has an example");
}

Result<ConfigDocument> load_config_document(const std::filesystem::path& file) {
    return read_config_text(file).and_then(
        [&](const std::string& text) { return parse_config_document(text, file.string()); });
}

}  // namespace ssi
