#include "lib/common/pdr/succession.hpp"

#include <format>
#include <utility>

namespace ssi::pdr {
namespace {

/// Its label, whether it was moved or not.
Result<Label> label_of(Disk& disk, const ClusterIdentity& cluster) {
    const auto found = inspect(disk);
    if (!found) return std::unexpected(found.error());
    if (found->label && found->cluster == cluster.id) return *found->label;
    auto checked = check_label(disk, cluster);
    if (checked)
        return failure(ErrorCode::kPdrUnreadable, disk.name() + " changes while it is read", disk.name(), "try again");
    return checked;
}

bool was_moved_to(const Label& from, const Disk& to) {
    return from.moved_to == to.name();
}

}  // namespace

Result<void> check_current(Disk& disk, const ClusterId& cluster, const Label& opened) {
    const auto found = read_label(disk);
    if (!found) return std::unexpected(found.error());
    const auto changed = [&](std::string what) {
        return failure(ErrorCode::kPdrForeign, std::format("{} is not what was opened any more: {}", disk.name(), what),
                       disk.name(), "ssictl pdr show");
    };
    if (found->blank) return changed("its label is gone");
    if (!found->label) return {};
    if (found->cluster != cluster) return changed("it is the PDR of cluster " + found->label->cluster);
    if (!found->label->moved_to.empty()) return changed("the PDR was moved to " + found->label->moved_to);
    if (found->label->volume != opened.volume) return changed("it was formatted anew");
    return {};
}

Result<void> prepare_successor(Disk& from, Disk& to, const ClusterIdentity& cluster, const FormatOptions& options) {
    const auto label = label_of(from, cluster);
    if (!label) return std::unexpected(label.error());
    if (was_moved_to(*label, to)) return {};
    const auto found = inspect(to);
    if (!found) return std::unexpected(found.error());
    const bool is_ours = found->label && found->cluster == cluster.id;
    if (is_ours && found->label->volume == label->volume)
        return failure(ErrorCode::kPdrForeign, std::format("{} is the PDR itself, by another path", to.name()),
                       to.name(), "name another volume");
    // One that it was moved away from is as good as blank.
    auto blanking = options;
    blanking.force = options.force || (is_ours && !found->label->moved_to.empty());
    return make_blank(to, blanking);
}

Result<Label> move_volume(Disk& from, Disk& to, const ClusterIdentity& cluster, const FormatOptions& options) {
    auto label = label_of(from, cluster);
    if (!label) return label;
    auto next = options;
    next.generation = label->generation + 1;
    if (!label->moved_to.empty() && !was_moved_to(*label, to))
        return failure(ErrorCode::kPdrForeign,
                       std::format("{} is the PDR no more: it was moved to {}", from.name(), label->moved_to),
                       from.name(), "set [pdr] device to that volume");
    const auto found = inspect(to);
    if (!found) return std::unexpected(found.error());
    if (was_moved_to(*label, to) && found->label && found->cluster == cluster.id &&
        found->label->generation == next.generation) {
        // Interrupted between the two labels, or not at all.
        if (auto mended = replace_label(to, cluster.id, *found->label); !mended) return std::unexpected(mended.error());
        return *found->label;
    }
    label->moved_to = to.name();
    if (auto retired = replace_label(from, cluster.id, *label); !retired) return std::unexpected(retired.error());
    return write_label(to, cluster, next);
}

}  // namespace ssi::pdr
