#include "lib/common/config/shared.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <format>
#include <map>
#include <set>
#include <utility>

namespace ssi {
namespace {

using Lines = std::map<std::string, std::string>;

Lines lines_of(std::string_view text) {
    Lines lines;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        const auto equals = line.find(" = ");
        if (equals != std::string_view::npos)
            lines.emplace(std::string(line.substr(0, equals)), std::string(line.substr(equals + 3)));
    }
    return lines;
}

std::optional<std::string> value_in(const Lines& lines, const std::string& path) {
    const auto found = lines.find(path);
    return found == lines.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

std::string sha256_text(std::string_view text) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    std::string hex;
    for (const unsigned char byte : digest) hex += std::format("{:02x}", byte);
    return hex;
}

SharedConfig shared_config(std::span<const ConfigEntry> entries) {
    std::set<std::string> lines;
    for (const auto& entry : entries) {
        if (entry.key->scope != ConfigScope::kCluster || !entry.is_set || entry.value == entry.standard) continue;
        lines.insert(std::format("{} = {}\n", entry.path(), entry.value));
    }
    SharedConfig shared;
    for (const auto& line : lines) shared.text += line;
    shared.hash = sha256_text(shared.text);
    return shared;
}

std::vector<ConfigDifference> compare_shared(std::string_view one, std::string_view other) {
    const auto ones = lines_of(one);
    const auto others = lines_of(other);
    std::set<std::string> paths;
    for (const auto* lines : {&ones, &others})
        for (const auto& [path, value] : *lines) paths.insert(path);
    std::vector<ConfigDifference> differences;
    for (const auto& path : paths) {
        ConfigDifference difference{path, value_in(ones, path), value_in(others, path)};
        if (difference.one != difference.other) differences.push_back(std::move(difference));
    }
    return differences;
}

std::string describe(std::span<const ConfigDifference> differences, std::string_view one, std::string_view other,
                     std::size_t most) {
    std::string text;
    for (const auto& [path, ours, theirs] : differences.first(std::min(most, differences.size())))
        text += std::format("{}{} is {} {} and {} {}", text.empty() ? "" : "; ", path, ours.value_or("not set"), one,
                            theirs.value_or("not set"), other);
    if (differences.size() > most) text += std::format("; {} more", differences.size() - most);
    return text;
}

}  // namespace ssi
