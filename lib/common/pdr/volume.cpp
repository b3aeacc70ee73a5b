#include "lib/common/pdr/volume.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "lib/common/pdr/area_copy.hpp"

namespace ssi::pdr {
namespace {

constexpr std::size_t kBlocksToWitness = kWitnessAt / kBlockSize;

struct FoundLabel {
    Label label;
    Envelope envelope;
    friend bool operator==(const FoundLabel&, const FoundLabel&) = default;
};

std::string where(const Disk& disk, std::string_view what) {
    return std::format("{} of {}", what, disk.name());
}

Result<FoundLabel> label_in(const Block& block, const std::string& name) {
    const auto opened = open(block.bytes, name);
    if (!opened) return std::unexpected(opened.error());
    if (opened->envelope.kind != BlockKind::kLabel)
        return failure(ErrorCode::kPdrDamaged, std::format("{}: it is no label", name), name);
    auto label = decode_label(opened->payload, name);
    if (!label) return std::unexpected(label.error());
    return FoundLabel{*std::move(label), opened->envelope};
}

Result<std::vector<Block>> read_beginning(Disk& disk) {
    if (disk.size() < kLeastVolume)
        return failure(
            ErrorCode::kPdrUnreadable,
            std::format("{} has {} KiB, a PDR needs {} at least", disk.name(), disk.size() / 1024, kLeastVolume / 1024),
            disk.name(), "use a larger disk or file");
    std::vector<Block> blocks(kBlocksToWitness);
    if (auto done = disk.read(0, blocks); !done) return std::unexpected(done.error());
    return blocks;
}

/// What the two blocks say: the label itself counts, or the copy when it cannot be read.
Inspection labels_in(const Disk& disk, const Block& label, const Block& label_copy) {
    const auto first = label_in(label, where(disk, "the label"));
    const auto copy = label_in(label_copy, where(disk, "the copy of the label"));
    Inspection found;
    if (!first && !copy) return found;
    found.label_damaged = !first;
    found.copy_damaged = !copy || (first && *first != *copy);
    const auto& valid = first ? *first : *copy;
    found.label = valid.label;
    found.cluster = valid.envelope.cluster;
    return found;
}

Inspection nothing_on_it() {
    Inspection nothing;
    nothing.blank = true;
    return nothing;
}

std::uint64_t random_number() {
    std::random_device device;
    return std::uint64_t{device()} << 32 | (device() | 1U);  // not 0
}

std::unexpected<Error> foreign(const Disk& disk, std::string what, std::string remedy) {
    return failure(ErrorCode::kPdrForeign, std::move(what), disk.name(), std::move(remedy));
}

}  // namespace

Result<Inspection> inspect(Disk& disk) {
    const auto blocks = read_beginning(disk);
    if (!blocks) return std::unexpected(blocks.error());
    if (std::ranges::all_of(*blocks, [](const Block& block) { return is_blank(block.bytes); })) return nothing_on_it();
    return labels_in(disk, blocks->front(), (*blocks)[kLabelCopyAt / kBlockSize]);
}

Result<Inspection> read_label(Disk& disk) {
    std::array<Block, 2> blocks;
    if (auto done = disk.read(kLabelAt, std::span(blocks).first(1)); !done) return std::unexpected(done.error());
    if (auto done = disk.read(kLabelCopyAt, std::span(blocks).last(1)); !done) return std::unexpected(done.error());
    if (is_blank(blocks[0].bytes) && is_blank(blocks[1].bytes)) return nothing_on_it();
    return labels_in(disk, blocks[0], blocks[1]);
}

Result<void> make_blank(Disk& disk, const FormatOptions& options) {
    const auto found = inspect(disk);
    if (!found) return std::unexpected(found.error());
    if (!found->blank && !options.force) {
        auto what = options.contents.empty() ? "data" : options.contents;
        if (found->label)
            what = std::format("the PDR of cluster {} ({})", found->label->cluster, text_of(found->cluster));
        return foreign(disk, std::format("{} is not empty: it holds {}", disk.name(), what),
                       "make sure that nobody needs it, then add --force");
    }
    const std::vector<Block> empty(kBlocksToWitness);
    return disk.write(0, empty);
}

Result<void> replace_label(Disk& disk, const ClusterId& cluster, const Label& label) {
    const auto block = seal({BlockKind::kLabel, cluster, 0, label.generation}, encode(label));
    for (const auto at : {kLabelCopyAt, kLabelAt})
        if (auto done = disk.write(at, std::span(&block, 1)); !done) return done;
    return {};
}

Result<Label> write_label(Disk& disk, const ClusterIdentity& cluster, const FormatOptions& options) {
    Label label{.cluster = cluster.name,
                .volume_size = disk.size(),
                .witness_areas = witness_areas_on(disk.size()),
                .generation = options.generation,
                .formatted_at = options.now,
                .volume = random_number()};
    if (auto done = replace_label(disk, cluster.id, label); !done) return std::unexpected(done.error());
    return label;
}

Result<Label> format(Disk& disk, const ClusterIdentity& cluster, const FormatOptions& options) {
    if (auto done = make_blank(disk, options); !done) return std::unexpected(done.error());
    return write_label(disk, cluster, options);
}

Result<Label> check_label(Disk& disk, const ClusterIdentity& cluster) {
    const auto found = inspect(disk);
    if (!found) return std::unexpected(found.error());
    if (!found->label)
        return foreign(disk, std::format("{} is no PDR volume", disk.name()),
                       std::format("ssictl pdr format {}, on one member", disk.name()));
    if (found->cluster != cluster.id)
        return foreign(disk,
                       std::format("{} is the PDR of cluster {} ({}), not of {}", disk.name(), found->label->cluster,
                                   text_of(found->cluster), cluster.name),
                       "check [pdr] device in system.toml");
    if (!found->label->moved_to.empty())
        return foreign(disk,
                       std::format("{} is the PDR no more: it was moved to {}", disk.name(), found->label->moved_to),
                       "set [pdr] device in system.toml to that volume: ssictl config push");
    return *found->label;
}

Result<std::array<SlotReading, kSlots>> read_slots(Disk& disk, const ClusterId& cluster) {
    const auto blocks = std::make_unique<std::array<Block, kSlots>>();
    if (auto done = disk.read(kBlocksAt, *blocks); !done) return std::unexpected(done.error());
    std::array<SlotReading, kSlots> slots;
    for (std::size_t i = 0; i < blocks->size(); ++i) {
        const auto& block = (*blocks)[i];
        if (is_blank(block.bytes)) continue;
        const auto name = where(disk, std::format("slot {}", i + 1));
        const auto opened = open(block.bytes, name);
        if (!opened) {
            slots[i].fault = opened.error();
            continue;
        }
        const auto& envelope = opened->envelope;
        if (envelope.cluster != cluster || envelope.kind != BlockKind::kSlot ||
            envelope.writer != static_cast<int>(i) + 1) {
            slots[i].fault =
                Error{ErrorCode::kPdrForeign, std::format("{}: it is not this cluster's slot", name), name, ""};
            continue;
        }
        auto record = decode_slot(opened->payload, name);
        if (record)
            slots[i].sign = SlotSign{envelope.sequence, *std::move(record)};
        else
            slots[i].fault = record.error();
    }
    return slots;
}

Result<void> write_slot(Disk& disk, const ClusterId& cluster, MemberSlot slot, const SlotSign& sign) {
    const auto block = seal({BlockKind::kSlot, cluster, slot.number(), sign.counter}, encode(sign.record));
    return disk.write(block_at(BlockKind::kSlot, slot), std::span(&block, 1));
}

}  // namespace ssi::pdr
