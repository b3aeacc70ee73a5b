#include "daemons/ssid/engine/engine_marker.hpp"

#include <boost/json/serialize.hpp>

#include "lib/common/durable_file.hpp"
#include "lib/common/json_message.hpp"

namespace ssi::cluster {

Result<std::optional<EngineMarker>> read_marker(const std::filesystem::path& file) {
    const auto text = read_if_exists(file);
    if (!text) return std::unexpected(text.error());
    if (!*text) return std::nullopt;
    const auto object = json::parse(**text, file.native());
    if (!object) return std::unexpected(object.error());
    const auto lineage = json::number_or(*object, "lineage", 0);
    return EngineMarker{json::text_or(*object, "cluster_uuid", ""),
                        json::text_or(*object, "member", ""),
                        {json::text_or(*object, "initial_state", ""), json::text_or(*object, "initial_voters", "")},
                        lineage > 0 ? static_cast<std::uint64_t>(lineage) : 0};
}

Result<void> write_marker(const std::filesystem::path& file, const EngineMarker& marker) {
    const json::Object object{{"v", 1},
                              {"cluster_uuid", marker.cluster_uuid},
                              {"member", marker.member},
                              {"initial_state", marker.start.state},
                              {"initial_voters", marker.start.voters},
                              {"lineage", marker.lineage}};
    return write_durably(file, boost::json::serialize(object) + "\n");
}

}  // namespace ssi::cluster
