#include "daemons/ssid/gate/lease_file.hpp"

#include <boost/json/serialize.hpp>

#include "daemons/ssid/gate/table_file.hpp"
#include "lib/common/json_message.hpp"
#include "lib/common/text_file.hpp"

namespace ssi::gate {
namespace {

constexpr std::int64_t kNever = -1;

std::int64_t write(const std::optional<BootTime>& time) {
    return time ? time->time_since_epoch().count() : kNever;
}

Result<std::optional<BootTime>> read(const json::Object& object, std::string_view field) {
    const auto ms = json::number(object, field);
    if (!ms) return std::unexpected(ms.error());
    if (*ms == kNever) return std::nullopt;
    return BootTime(std::chrono::milliseconds(*ms));
}

}  // namespace

Result<void> LeaseFile::save(const Lease::Memory& memory) const {
    return replace_file(path_, boost::json::serialize(json::Object{{"v", 1},
                                                                   {"generation", memory.generation},
                                                                   {"deadline_ms", write(memory.deadline)},
                                                                   {"expired_at_ms", write(memory.expired_at)},
                                                                   {"reset_promised", memory.reset_promised},
                                                                   {"lone", memory.lone},
                                                                   {"condemned", memory.condemned}}));
}

Result<std::optional<Lease::Memory>> LeaseFile::load() const {
    std::error_code error;
    if (!std::filesystem::exists(path_, error) && !error) return std::nullopt;
    const auto text = read_text_file(path_);
    if (!text) return failure(ErrorCode::kSystemFailed, "cannot read the lease", path_.string());
    const auto object = json::parse(*text, path_.string());
    if (!object) return std::unexpected(object.error());
    const auto generation = json::unsigned_number(*object, "generation");
    const auto deadline = read(*object, "deadline_ms");
    const auto expired_at = read(*object, "expired_at_ms");
    if (!generation) return std::unexpected(generation.error());
    if (!deadline) return std::unexpected(deadline.error());
    if (!expired_at) return std::unexpected(expired_at.error());
    // A guard of an earlier version kept none: its slot may have said so.
    return Lease::Memory{*generation,
                         *deadline,
                         *expired_at,
                         json::boolean_or(*object, "reset_promised", true),
                         json::boolean_or(*object, "lone", false),
                         json::boolean_or(*object, "condemned", false)};
}

}  // namespace ssi::gate
