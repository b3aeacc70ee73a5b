#include "tools/ssictl/document_cells.hpp"

#include <boost/json/array.hpp>
#include <format>

namespace ssi::ctl {

Result<std::vector<json::Object>> entries(const json::Object& document, std::string_view field) {
    const auto* list = document.if_contains(field);
    if (list == nullptr || !list->is_array())
        return failure(ErrorCode::kProtocolViolated, std::format("the daemon's answer has no list '{}'", field),
                       std::string(field), "ssictl and the daemons should be of one version");
    std::vector<json::Object> result;
    for (const auto& entry : list->get_array())
        if (entry.is_object()) result.push_back(entry.get_object());
    return result;
}

std::string text_of(const json::Object& object, std::string_view field) {
    return json::text_or(object, field, "");
}

std::string number_of(const json::Object& object, std::string_view field) {
    return std::to_string(json::number_or(object, field, 0));
}

std::string bytes(double amount) {
    if (amount < 1024) return std::format("{:.0f} B", amount);
    for (const auto* unit : {"KiB", "MiB", "GiB"}) {
        amount /= 1024;
        if (amount < 1024) return std::format("{:.1f} {}", amount, unit);
    }
    return std::format("{:.1f} TiB", amount / 1024);
}

std::string bytes(const json::Object& object, std::string_view field) {
    return bytes(static_cast<double>(json::number_or(object, field, 0)));
}

std::string duration(std::chrono::milliseconds time) {
    using namespace std::chrono;
    if (time < minutes(2)) return std::format("{} s", duration_cast<seconds>(time).count());
    if (time < hours(2)) return std::format("{} min", duration_cast<minutes>(time).count());
    if (time < days(2)) return std::format("{} h", duration_cast<hours>(time).count());
    return std::format("{} d", duration_cast<days>(time).count());
}

std::string round_trip(const json::Object& object, std::string_view field) {
    return std::format("{:.3f} ms", static_cast<double>(json::number_or(object, field, 0)) / 1000);
}

}  // namespace ssi::ctl
