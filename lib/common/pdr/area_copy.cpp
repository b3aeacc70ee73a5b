#include "lib/common/pdr/area_copy.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <format>
#include <functional>
#include <string_view>
#include <thread>
#include <vector>

namespace ssi::pdr {
namespace {

constexpr std::uint64_t kPiece = 1 << 20;
constexpr std::uint64_t kPieces = kWitnessArea / kPiece;
constexpr std::size_t kThreads = 4;

using Buffer = std::vector<Block>;

/// Compared within one process only.
std::size_t checksum(const Buffer& buffer) {
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(buffer.data()), buffer.size() * sizeof(Block)});
}

/// Most of an area was never used. What is zero there and here is read twice, and written never: a thin volume stays
/// thin, and reading is the faster half. Returns the checksum of what it read.
Result<std::size_t> copy_piece(Disk& source, std::uint64_t from, Disk& target, std::uint64_t to, Buffer& buffer) {
    if (auto read = source.read(from, buffer); !read) return std::unexpected(read.error());
    const auto sum = checksum(buffer);
    const auto is_zero = [&] {
        return std::ranges::all_of(buffer, [](const Block& block) { return is_blank(block.bytes); });
    };
    if (is_zero()) {
        if (auto read = target.read(to, buffer); !read) return std::unexpected(read.error());
        if (is_zero()) return sum;
        std::ranges::fill(buffer, Block{});
    }
    if (auto written = target.write(to, buffer); !written) return std::unexpected(written.error());
    return sum;
}

/// Does `work` with every piece, on several threads, until it fails somewhere.
Result<void> for_each_piece(const Disk& disk, const std::function<bool()>& is_void,
                            const std::function<Result<void>(std::uint64_t piece, Buffer& buffer)>& work) {
    std::atomic<std::uint64_t> next = 0;
    std::atomic<bool> stopped = false;
    std::array<Result<void>, kThreads> results;
    {
        std::vector<std::jthread> threads;
        for (auto& result : results)
            threads.emplace_back([&] {
                Buffer buffer(kPiece / kBlockSize);
                while (!stopped) {
                    const auto piece = next++;
                    if (piece >= kPieces) return;
                    if (is_void())
                        result = failure(ErrorCode::kTimedOut, "the copy of the witness's data is not needed any more",
                                         disk.name());
                    else
                        result = work(piece, buffer);
                    if (!result) stopped = true;
                }
            });
    }
    for (auto& result : results)
        if (!result) return result;
    return {};
}

/// An area's length.
Result<void> copy(Disk& source, std::uint64_t from, Disk& target, std::uint64_t to,
                  const std::function<bool()>& is_void) {
    std::vector<std::size_t> sums(kPieces);
    const auto copy_one = [&](std::uint64_t piece, Buffer& buffer) -> Result<void> {
        auto sum = copy_piece(source, from + piece * kPiece, target, to + piece * kPiece, buffer);
        if (!sum) return std::unexpected(sum.error());
        sums[piece] = *sum;
        return {};
    };
    // A write of the former holder that landed meanwhile has torn the copy. When all is as it was when it was read, all
    // of it was there at one moment: the one between the two looks.
    std::atomic<bool> changed = false;
    const auto look_again = [&](std::uint64_t piece, Buffer& buffer) -> Result<void> {
        if (auto read = source.read(from + piece * kPiece, buffer); !read) return read;
        if (checksum(buffer) != sums[piece]) changed = true;
        return {};
    };
    do {
        changed = false;
        if (auto copied = for_each_piece(source, is_void, copy_one); !copied) return copied;
        if (auto looked = for_each_piece(source, is_void, look_again); !looked) return looked;
    } while (changed);
    return {};
}

Result<void> has_areas(const Disk& disk, int slots) {
    if (slots <= witness_areas_on(disk.size())) return {};
    return failure(ErrorCode::kPdrUnreadable, std::format("{} has no witness area for slot {}", disk.name(), slots),
                   disk.name(), "use a larger volume: 4 MiB and 512 MiB for each slot");
}

}  // namespace

int witness_areas_on(std::uint64_t disk_size) {
    if (disk_size <= kWitnessAt) return 0;
    return static_cast<int>(std::min<std::uint64_t>((disk_size - kWitnessAt) / kWitnessArea, kSlots));
}

Result<void> copy_area(Disk& disk, MemberSlot from, MemberSlot to, const std::function<bool()>& is_void) {
    if (from == to) return {};
    if (auto there = has_areas(disk, std::max(from, to).number()); !there) return there;
    return copy(disk, witness_at(from), disk, witness_at(to), is_void);
}

Result<void> save_area(Disk& disk, MemberSlot from, Disk& target, const std::function<bool()>& is_void) {
    if (auto there = has_areas(disk, from.number()); !there) return there;
    return copy(disk, witness_at(from), target, 0, is_void);
}

}  // namespace ssi::pdr
