#include "daemons/ssid/engine/etcd_room.hpp"

#include <boost/json.hpp>
#include <format>
#include <iterator>

namespace ssi::cluster {

std::string fit_witness_area(std::string_view etcd_json) {
    auto settings = boost::json::parse(etcd_json).as_object();
    settings["quota-backend-bytes"] = kWitnessQuotaBytes;
    // Behind the newest snapshot etcd keeps five pieces of its log, and a hundred thousand entries before the next.
    settings["max-wals"] = 1;
    settings["max-snapshots"] = 1;
    settings["snapshot-count"] = 10'000;
    std::string text = "{\n";
    for (const auto& setting : settings)
        text +=
            std::format("  {}: {}{}\n", boost::json::serialize(setting.key()), boost::json::serialize(setting.value()),
                        &setting == &*std::prev(settings.end()) ? "" : ",");
    return text + "}\n";
}

}  // namespace ssi::cluster
