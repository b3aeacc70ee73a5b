#include "tools/ssictl/pdr_move.hpp"

#include <algorithm>
#include <chrono>
#include <format>
#include <utility>

#include "lib/common/pdr/area_copy.hpp"
#include "lib/common/pdr/contents.hpp"
#include "lib/common/pdr/lock.hpp"
#include "lib/common/pdr/succession.hpp"
#include "lib/common/pdr/verdict.hpp"
#include "tools/ssictl/document_cells.hpp"
#include "tools/ssictl/pdr_documents.hpp"
#include "tools/ssictl/table.hpp"

namespace ssi::ctl {
namespace {

/// While it moves nobody has a PDR. A member that the majority does not hear may live by its slot alone, and one that
/// is silent is about to be judged by it.
Result<void> all_are_joined(const SystemConfig& config, const json::Object& cluster) {
    const auto members = entries(cluster, "members");
    if (!members) return std::unexpected(members.error());
    for (const auto& member : config.members) {
        const auto entry = std::ranges::find(*members, member.name.str(),
                                             [](const json::Object& one) { return json::text_or(one, "name", ""); });
        const auto state = entry == members->end() ? "unknown" : json::text_or(*entry, "state", "unknown");
        if (state != "Joined")
            return failure(
                ErrorCode::kMemberUnreachable,
                std::format("{} is {}: the PDR moves only while every member is Joined", member.name.str(), state),
                member.name.str(), "bring it back, or ssictl member remove " + member.name.str());
    }
    return {};
}

/// Who has gone over to the new volume sees nobody there who has not: a daemon's restart would look like a death.
Result<void> is_disarmed(const json::Object& cluster) {
    const auto fencing = json::object(cluster, "fencing");
    if (!fencing) return std::unexpected(fencing.error());
    if (!json::boolean_or(*fencing, "armed", true)) return {};
    return failure(ErrorCode::kFencingDisarmed,
                   "fencing is armed: members that look at different volumes would fence each other", "",
                   "ssictl disarm, before; ssictl arm, when every member uses the new volume");
}

/// All of these would be lost with the volume.
Result<void> nothing_is_recorded(const OpenedPdr& volume) {
    const auto verdicts = pdr::read_verdicts(*volume.disk, volume.cluster.id);
    if (!verdicts) return std::unexpected(verdicts.error());
    for (const auto& of_slot : verdicts->by)
        if (!of_slot.empty())
            return failure(
                ErrorCode::kPdrForeign,
                std::format("a verdict about {} is recorded on {}", of_slot.front().member.str(), volume.disk->name()),
                volume.disk->name(), "it is taken back when that member has booted: try again then");
    const auto locks = pdr::read_locks(*volume.disk, volume.cluster.id);
    if (!locks) return std::unexpected(locks.error());
    const auto lock = pdr::lock_state(locks->blocks);
    if (lock.latest.witness)
        return failure(ErrorCode::kPdrForeign,
                       std::format("the witness is at {}, and its data would stay on {}",
                                   lock.latest.witness->member.str(), volume.disk->name()),
                       volume.disk->name(), "first switch it off: witness = false (operator's guide, The witness)");
    if (lock.open || lock.latest.fencing)
        return failure(ErrorCode::kPdrForeign, volume.disk->name() + " has a lock that is being changed",
                       volume.disk->name(), "see ssictl pdr show, and try again in a moment");
    return {};
}

Result<void> may_move(const OpenedPdr& from, const AskCluster& ask) {
    const auto cluster = ask();
    if (!cluster) return std::unexpected(cluster.error());
    if (*cluster) {
        if (auto joined = all_are_joined(from.config, **cluster); !joined) return joined;
        if (auto disarmed = is_disarmed(**cluster); !disarmed) return disarmed;
    } else if (auto quiet = nobody_writes(*from.disk, 4 * from.config.timing.beat); !quiet) {
        return quiet;
    }
    return nothing_is_recorded(from);
}

/// A witness for fewer members, or for none, takes votes away.
Result<void> has_room(const OpenedPdr& from, const pdr::Disk& to) {
    int wanted = 0;
    for (const auto& member : from.config.members) wanted = std::max(wanted, member.slot.number());
    const auto before = std::min(wanted, pdr::witness_areas_on(from.disk->size()));
    const auto after = std::min(wanted, pdr::witness_areas_on(to.size()));
    if (after >= before) return {};
    return failure(
        ErrorCode::kPdrForeign,
        std::format("{} has witness areas for {} members, the present volume for {}", to.name(), after, before),
        to.name(), "use a larger volume, or add --force: the witness then ends, or stays with fewer");
}

}  // namespace

Result<json::Object> move_pdr(const PdrMove& wanted, const AskCluster& ask) {
    if (!wanted.to.is_absolute())
        return failure(ErrorCode::kUsage, std::format("{} is no absolute path", wanted.to.native()), wanted.to.native(),
                       "name the volume by a path that all members have: /dev/disk/by-id/...");
    const auto from = open_pdr(wanted.place, pdr::DiskAccess::kReadWrite);
    if (!from) return std::unexpected(from.error());
    const auto to = pdr::DirectDisk::open(wanted.to, pdr::DiskAccess::kReadWrite);
    if (!to) return std::unexpected(to.error());
    if (auto room = has_room(*from, **to); !room && !wanted.force) return std::unexpected(room.error());
    if (auto may = may_move(*from, ask); !may) return std::unexpected(may.error());
    if (auto quiet = nobody_writes(**to, 4 * from->config.timing.beat); !quiet) return std::unexpected(quiet.error());
    auto contents = pdr::contents_of((*to)->name());
    if (!contents) return std::unexpected(contents.error());
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
    const pdr::FormatOptions options{.force = wanted.force, .contents = *std::move(contents), .now = now.count()};
    if (auto ready = pdr::prepare_successor(*from->disk, **to, from->cluster, options); !ready)
        return std::unexpected(ready.error());
    // The disks may have taken long.
    if (auto may = may_move(*from, ask); !may) return std::unexpected(may.error());
    if (auto moved = pdr::move_volume(*from->disk, **to, from->cluster, options); !moved)
        return std::unexpected(moved.error());
    auto document = show_pdr({wanted.place.config, wanted.to});
    if (!document) return document;
    (*document)["moved_from"] = from->disk->name();
    return document;
}

Result<std::string> render_pdr_move(const json::Object& document) {
    auto text = render_pdr(document);
    if (!text) return text;
    *text += printable(std::format("Moved from {}, which nobody uses any more. Now, in system.toml:",
                                   text_of(document, "moved_from"))) +
             "\n" + printable(std::format("  [pdr] device = \"{}\"", text_of(document, "device"))) + "\n";
    return *text + "then: ssictl config push\n" +
           "then, one member after the other: systemctl restart ssi-guard; systemctl restart ssid\n"
           "then, when ssictl query ssi shows it readable on all: ssictl arm\n"
           "Until then guests run on, and nobody is fenced.\n";
}

}  // namespace ssi::ctl
