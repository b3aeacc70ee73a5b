#include "tools/ssictl/config_documents.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <charconv>
#include <format>
#include <utility>
#include <vector>

#include "lib/common/config/document.hpp"
#include "lib/common/config/shared.hpp"
#include "lib/common/text_file.hpp"
#include "tools/ssictl/document_cells.hpp"
#include "tools/ssictl/table.hpp"

namespace ssi::ctl {
namespace {

using boost::json::array;

Result<std::string> content_of(const std::filesystem::path& file) {
    auto text = read_text_file(file);
    if (text) return *std::move(text);
    return failure(ErrorCode::kConfigMissing, std::format("cannot read {}", file.string()), file.string(),
                   "write it; /etc/ssi/system.toml.example has an example");
}

/// "0.5" as 0.5 times `scale`; a time in seconds.
std::string stretched(const std::string& seconds, double scale) {
    double value = 0;
    std::from_chars(seconds.data(), seconds.data() + seconds.size(), value);
    return std::format("{}", value * scale);
}

/// One row of what is shown.
json::Object row(const ConfigEntry& entry, std::string key, std::string value, double scale) {
    json::Object object{{"key", std::move(key)},
                        {"value", value},
                        {"set", entry.is_set},
                        {"line", entry.is_set ? boost::json::value(entry.line) : boost::json::value(nullptr)},
                        {"scope", entry.key->scope == ConfigScope::kCluster ? "cluster" : "member"},
                        {"effect", effect_text(*entry.key)}};
    if (entry.key->is_scaled && scale != 1.0) object["effective"] = stretched(value, scale);
    return object;
}

/// A channel's keys as one of its ends sees them.
void add_channel(const ConfigEntry& entry, const ChannelConfig& channel, const MemberName& member, array& rows) {
    const auto table = std::format("channel.{}/{}", channel.peer_of(member).str(), channel.name);
    if (entry.key->name == "members") return;  // the heading says it
    if (!entry.ends) {
        rows.push_back(row(entry, std::format("{}.{}", table, entry.key->name), entry.value, 1.0));
        return;
    }
    const bool is_lower = channel.lower.member == member;
    rows.push_back(row(entry, std::format("{}.own {}", table, entry.key->name), (*entry.ends)[is_lower ? 0 : 1], 1.0));
    rows.push_back(row(entry, std::format("{}.peer {}", table, entry.key->name), (*entry.ends)[is_lower ? 1 : 0], 1.0));
}

const ChannelConfig* channel_of(const ConfigEntry& entry, const SystemConfig& config) {
    for (const auto& channel : config.channels)
        if (entry.table ==
            std::format("channel.{}/{}/{}", channel.lower.member.str(), channel.higher.member.str(), channel.name))
            return &channel;
    return nullptr;
}

array rows_of(const ConfigDocument& document, const MemberName& member) {
    array rows;
    for (const auto& entry : document.entries) {
        const auto* channel = entry.key->table == "channel" ? channel_of(entry, document.config) : nullptr;
        if (channel == nullptr)
            rows.push_back(row(entry, entry.path(), entry.value, document.config.timing.scale));
        else if (channel->joins(member))
            add_channel(entry, *channel, member, rows);
    }
    return rows;
}

}  // namespace

Result<json::Object> check_config(const std::filesystem::path& file) {
    const auto text = content_of(file);
    if (!text) return std::unexpected(text.error());
    json::Object answer{{"v", 1}, {"file", file.string()}, {"member", nullptr}, {"hash", nullptr}};
    const auto document = read_config_document(*text, file.string());
    array problems;
    if (document) {
        if (const auto own = own_member(document->config, "")) answer["member"] = own->str();
        answer["cluster"] = document->config.cluster;
        answer["members"] = document->config.members.size();
        answer["channels"] = document->config.channels.size();
        answer["hash"] = shared_config(document->entries).hash;
    } else {
        for (const auto& problem : document.error())
            problems.push_back(json::Object{{"line", problem.line},
                                            {"column", problem.column},
                                            {"what", problem.what},
                                            {"remedy", problem.remedy},
                                            {"diagnostic", problem.diagnostic}});
    }
    answer["problems"] = std::move(problems);
    return answer;
}

Result<std::string> render_config_check(const json::Object& document) {
    const auto problems = entries(document, "problems");
    if (!problems) return std::unexpected(problems.error());
    const auto file = printable(text_of(document, "file"));
    if (problems->empty()) {
        const auto own = text_of(document, "member");
        return std::format("{}: no problem; cluster {}, {} members, {} channels; this host is {}\n", file,
                           printable(text_of(document, "cluster")), number_of(document, "members"),
                           number_of(document, "channels"), own.empty() ? "none of them" : printable(own));
    }
    std::string text;
    for (const auto& problem : *problems) {
        // Its own line breaks stay: the line of the file and the caret are in it.
        auto diagnostic = text_of(problem, "diagnostic");
        std::ranges::replace_if(
            diagnostic, [](unsigned char byte) { return (byte < 0x20 && byte != '\n') || byte == 0x7f; }, '?');
        text += diagnostic + (diagnostic.ends_with('\n') ? "" : "\n");
    }
    return text + std::format("{}: {} {}\n", file, problems->size(), problems->size() == 1 ? "problem" : "problems");
}

std::size_t problems_in(const json::Object& document) {
    const auto problems = entries(document, "problems");
    return problems ? problems->size() : 0;
}

Result<json::Object> show_config(const std::filesystem::path& file, const std::string& member) {
    const auto document = load_config_document(file);
    if (!document) return std::unexpected(document.error());
    const auto seen_by = own_member(document->config, member);
    if (!seen_by) return std::unexpected(seen_by.error());
    return json::Object{{"v", 1},
                        {"file", file.string()},
                        {"member", seen_by->str()},
                        {"hash", shared_config(document->entries).hash},
                        {"keys", rows_of(*document, *seen_by)}};
}

Result<std::string> render_config(const json::Object& document) {
    const auto keys = entries(document, "keys");
    if (!keys) return std::unexpected(keys.error());
    Table table({{"KEY"}, {"VALUE"}, {"BY"}, {"A CHANGE TAKES EFFECT AT"}});
    for (const auto& key : *keys) {
        const auto effective = text_of(key, "effective");
        const auto value = text_of(key, "value");
        table.add({text_of(key, "key"), effective.empty() ? value : std::format("{} (stretched: {})", value, effective),
                   json::boolean_or(key, "set", false) ? "line " + number_of(key, "line") : "default",
                   text_of(key, "effect")});
    }
    return printable(std::format("{} as {} sees it", text_of(document, "file"), text_of(document, "member"))) + "\n" +
           table.text();
}

}  // namespace ssi::ctl
