#include "lib/common/pdr/lock_blocks.hpp"

#include <algorithm>
#include <format>
#include <memory>
#include <utility>

namespace ssi::pdr {
namespace {

/// A writer that is at work all the time ends sooner than this; the lock changes seldom.
constexpr int kMostPasses = 10;

std::unexpected<Error> unreadable(ErrorCode code, const std::string& where, std::string_view what) {
    return failure(code, std::format("{}: {}", where, what), where, "ssictl pdr check");
}

}  // namespace

struct LockScan::Copy {
    bool torn = false;
    std::uint64_t sequence = 0;  ///< 0: never written, or torn.
    LockBlock block{};
};

Result<LockScan::Copy> LockScan::copy_in(const Block& block, int slot, std::size_t copy) const {
    if (is_blank(block.bytes)) return Copy{};
    if (!is_whole(block.bytes)) return Copy{.torn = true};
    const auto where = std::format("lock block {}{} of {}", slot, copy == 0 ? 'a' : 'b', volume_);
    const auto opened = open(block.bytes, where);
    if (!opened) return std::unexpected(opened.error());
    const auto& envelope = opened->envelope;
    if (envelope.cluster != cluster_ || envelope.kind != BlockKind::kLock || envelope.writer != slot ||
        envelope.sequence == 0 || envelope.sequence % 2 != copy)
        return unreadable(ErrorCode::kPdrForeign, where, "it is not this cluster's, or not of this place");
    auto decoded = decode_lock(opened->payload, where);
    if (!decoded) return std::unexpected(decoded.error());
    if (decoded->promised != 0 && slot_of(decoded->promised) != slot)
        return unreadable(ErrorCode::kPdrDamaged, where, "its ballot is another member's");
    return Copy{false, envelope.sequence, *std::move(decoded)};
}

Result<std::optional<LockReading>> LockScan::look(std::span<const Block, kLockBlocks> pass) {
    LockReading reading;
    bool settled = true;
    for (std::size_t i = 0; i < kSlots; ++i) {
        const int slot = static_cast<int>(i) + 1;
        const std::array places{i, i + kSlots};
        std::array<Copy, 2> copies;
        for (std::size_t copy = 0; copy < places.size(); ++copy) {
            auto read = copy_in(pass[places[copy]], slot, copy);
            if (!read) return std::unexpected(read.error());
            copies[copy] = *std::move(read);
        }
        if (copies[0].torn || copies[1].torn) {
            // Unchanged, both, since the pass before: then the whole one was the last that ended when this pass began.
            const auto is_unchanged = [&](std::size_t place) { return before_[place].bytes == pass[place].bytes; };
            const bool still = !before_.empty() && std::ranges::all_of(places, is_unchanged);
            if (still && copies[0].torn && copies[1].torn)
                return unreadable(ErrorCode::kPdrDamaged,
                                  std::format("the lock blocks of slot {} of {}", slot, volume_), "both are torn");
            settled = settled && still;
            const auto where = std::format("lock block {}{} of {}", slot, copies[0].torn ? 'a' : 'b', volume_);
            reading.torn.push_back({ErrorCode::kPdrDamaged,
                                    std::format("{}: a write to it was cut off; the one before it counts", where),
                                    where, "none is needed: the member's next write there makes it whole"});
        }
        auto& newer = copies[copies[1].sequence > copies[0].sequence ? 1 : 0];
        reading.sequences[i] = newer.sequence;
        reading.blocks[i] = std::move(newer.block);
    }
    if (settled) return reading;
    before_.assign(pass.begin(), pass.end());
    return std::nullopt;
}

Result<LockReading> read_locks(Disk& disk, const ClusterId& cluster) {
    const auto blocks = std::make_unique<std::array<Block, kLockBlocks>>();
    LockScan scan(cluster, disk.name());
    for (int pass = 0; pass < kMostPasses; ++pass) {
        if (auto done = disk.read(kLocksAt, *blocks); !done) return std::unexpected(done.error());
        auto reading = scan.look(*blocks);
        if (!reading) return std::unexpected(reading.error());
        if (*reading) return **std::move(reading);
    }
    return unreadable(ErrorCode::kPdrUnreadable, disk.name(), "its lock blocks change faster than they can be read");
}

Result<void> write_lock(Disk& disk, const ClusterId& cluster, MemberSlot slot, std::uint64_t sequence,
                        const LockBlock& block) {
    const auto sealed = seal({BlockKind::kLock, cluster, slot.number(), sequence}, encode(block));
    return disk.write(lock_at(slot, sequence), std::span(&sealed, 1));
}

}  // namespace ssi::pdr
