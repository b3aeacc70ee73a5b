#include "tools/ssictl/config_documents.hpp"

#include <boost/json/array.hpp>
#include <charconv>
#include <format>
#include <utility>
#include <vector>

#include "lib/common/config/document.hpp"
#include "lib/common/config/shared.hpp"
#include "lib/common/text_file.hpp"

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

Result<json::Object> check_config(const std::filesystem::path& file, const Words& /*words*/) {
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

Result<json::Object> show_config(const std::filesystem::path& file, const std::string& member, const Words& /*words*/) {
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

}  // namespace ssi::ctl
