#include "tools/ssictl/drill/interruption.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <system_error>
#include <utility>

#include "lib/common/durable_file.hpp"
#include "lib/common/json_message.hpp"

namespace ssi::ctl {

Result<void> keep(const Interruption& interruption, const std::filesystem::path& file) {
    boost::json::array members;
    for (const auto& [name, sight] : interruption.before.members) members.emplace_back(name);
    const json::Object object{{"v", 1},
                              {"directory", interruption.directory.native()},
                              {"drill", interruption.drill},
                              {"guest", interruption.guest},
                              {"report", interruption.report.native()},
                              {"next_step", interruption.next_step},
                              {"home", interruption.before.home},
                              {"run", interruption.before.run},
                              {"has_pdr", interruption.before.has_pdr},
                              {"members", std::move(members)}};
    return write_durably(file, boost::json::serialize(object) + "\n");
}

Result<Interruption> kept_interruption(const std::filesystem::path& file) {
    const auto content = read_if_exists(file);
    if (!content) return std::unexpected(content.error());
    if (!*content)
        return failure(ErrorCode::kUsage, "no drill of this member was interrupted", file.native(),
                       "ssictl drill run NAME --guest GUEST");
    const auto object = json::parse(**content, file.native());
    if (!object) return std::unexpected(object.error());
    const auto drill = json::text(*object, "drill");
    const auto guest = json::text(*object, "guest");
    const auto next = json::unsigned_number(*object, "next_step");
    const auto home = json::text(*object, "home");
    const auto run = json::text(*object, "run");
    if (!drill) return std::unexpected(drill.error());
    if (!guest) return std::unexpected(guest.error());
    if (!next) return std::unexpected(next.error());
    if (!home) return std::unexpected(home.error());
    if (!run) return std::unexpected(run.error());
    Interruption interruption{json::text_or(*object, "directory", ""), *drill, *guest,
                              json::text_or(*object, "report", ""),    *next,  {}};
    auto& before = interruption.before;
    before.mode = "Stable";
    before.majority = true;
    before.has_pdr = json::boolean_or(*object, "has_pdr", false);
    before.phase = "Running";
    before.home = *home;
    before.run = *run;
    if (const auto* members = object->if_contains("members"); members != nullptr && members->is_array())
        for (const auto& name : members->get_array())
            if (name.is_string()) before.members[std::string(name.get_string())].state = "Joined";
    return interruption;
}

Result<void> forget_interruption(const std::filesystem::path& file) {
    std::error_code error;
    std::filesystem::remove(file, error);
    if (error) return system_failure("remove " + file.native(), file.native(), error.value());
    return {};
}

}  // namespace ssi::ctl
