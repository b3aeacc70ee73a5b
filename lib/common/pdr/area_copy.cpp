#include "lib/common/pdr/area_copy.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <format>
#include <thread>
#include <vector>

namespace ssi::pdr {
namespace {

constexpr std::uint64_t kPiece = 1 << 20;
constexpr std::uint64_t kPieces = kWitnessArea / kPiece;
constexpr std::size_t kThreads = 4;

/// Most of an area was never used. What is zero there and here is read twice, and written never: a thin volume stays
/// thin, and reading is the faster half.
Result<void> copy_piece(Disk& disk, std::uint64_t from, std::uint64_t to, std::vector<Block>& buffer) {
    if (auto read = disk.read(from, buffer); !read) return read;
    const auto is_zero = [&] {
        return std::ranges::all_of(buffer, [](const Block& block) { return is_blank(block.bytes); });
    };
    if (is_zero()) {
        if (auto read = disk.read(to, buffer); !read) return read;
        if (is_zero()) return {};
        std::ranges::fill(buffer, Block{});
    }
    return disk.write(to, buffer);
}

}  // namespace

int witness_areas_on(std::uint64_t disk_size) {
    if (disk_size <= kWitnessAt) return 0;
    return static_cast<int>(std::min<std::uint64_t>((disk_size - kWitnessAt) / kWitnessArea, kSlots));
}

Result<void> copy_area(Disk& disk, MemberSlot from, MemberSlot to, const std::function<bool()>& is_void) {
    if (from == to) return {};
    if (std::max(from, to).number() > witness_areas_on(disk.size()))
        return failure(ErrorCode::kPdrUnreadable,
                       std::format("{} has no witness area for slot {}", disk.name(), std::max(from, to).number()),
                       disk.name(), "use a larger volume: 4 MiB and 512 MiB for each slot");
    std::atomic<std::uint64_t> next = 0;
    std::atomic<bool> stopped = false;
    std::array<Result<void>, kThreads> results;
    {
        std::vector<std::jthread> threads;
        for (auto& result : results)
            threads.emplace_back([&] {
                std::vector<Block> buffer(kPiece / kBlockSize);
                while (!stopped) {
                    const auto piece = next++;
                    if (piece >= kPieces) return;
                    if (is_void())
                        result = failure(ErrorCode::kTimedOut, "the copy of the witness's data is not needed any more",
                                         disk.name());
                    else
                        result = copy_piece(disk, witness_at(from) + piece * kPiece, witness_at(to) + piece * kPiece,
                                            buffer);
                    if (!result) stopped = true;
                }
            });
    }
    for (auto& result : results)
        if (!result) return result;
    return {};
}

}  // namespace ssi::pdr
